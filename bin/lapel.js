#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an old Node runs this file again under the npm package `node`.
'use strict'
