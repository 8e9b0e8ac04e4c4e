import { createConfig, lintFromString } from '@redocly/openapi-core'
import { routes } from '../../../src/http/app.ts'
import { documentOf } from '../../../src/http/openapi/document.ts'

// Part of `npm run check`: the OpenAPI by Redocly's rules.

const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    // `/` is this node, whatever its address is.
    'no-server-example.com': 'off',
    'operation-operationId-unique': 'error',
    'no-unused-components': 'error',
    'no-invalid-media-type-examples': 'error',
    'no-invalid-parameter-examples': 'error',
    'no-invalid-schema-examples': 'error',
    'tag-description': 'error',
    'operation-tag-defined': 'error',
  },
})
const problems = await lintFromString({
  source: JSON.stringify(documentOf(routes)),
  absoluteRef: 'openapi.json',
  config,
})
for (const { message, ruleId, severity, location } of problems)
  console.log(`${severity} ${ruleId}: ${message}  ${location.map(({ pointer }) => pointer).join()}`)
console.log(`OpenAPI: ${routes.length} routes, ${problems.length} complaints`)
if (problems.length > 0) process.exitCode = 1
