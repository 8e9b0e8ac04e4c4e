-- Recordings, with the ranges of what was announced and what is stored, their files and how they ended. A deleted one stays as what is
-- known of its deletion.
create table recordings (
  id text primary key,
  project_id text not null,
  source text not null,
  device_id text,
  end_user_id text,
  binding_id text,
  quarantine_reason text,
  is_assigned boolean not null,
  skew_ms bigint,
  boot text,
  codec text,
  sample_rate integer,
  channels integer,
  name text,
  metadata jsonb not null,
  sealed_for text,
  started_at text not null,
  ended_at text,
  duration_ms bigint,
  announced jsonb not null,
  stored jsonb not null,
  total_chunks integer,
  total_bytes bigint,
  finish_reason text,
  finished_at text,
  media jsonb not null,
  status text not null,
  stage text not null,
  is_open boolean not null,
  ended_how text,
  object text,
  object_bytes bigint,
  object_sha256 text,
  merkle_root text,
  failure_reason text,
  missing jsonb,
  closed_at text,
  deleted_at text,
  created_at text not null,
  updated_at text not null,
  revision bigint not null
);
create index on recordings (project_id, created_at desc, id desc) where deleted_at is null;
create index on recordings (project_id, end_user_id, created_at desc, id desc) where deleted_at is null;
create index on recordings (project_id, device_id, created_at desc, id desc) where deleted_at is null;
create index on recordings (project_id, status, created_at desc, id desc) where deleted_at is null;
create index on recordings using gin (metadata jsonb_path_ops);
create index on recordings (device_id, created_at) where is_open;
create index on recordings (device_id, closed_at desc) where closed_at is not null;
create index on recordings (stage, updated_at) where is_open;
create index on recordings (sealed_for) where sealed_for is not null;

-- `object` null: it is awaited.
create table recording_chunks (
  id text primary key,
  recording_id text not null,
  project_id text not null,
  index integer not null,
  bytes bigint not null,
  sha256 text not null,
  started_at text,
  duration_ms bigint,
  announced_at text not null,
  attempt integer not null,
  object text,
  stored_at text,
  refused_because text
);
create unique index on recording_chunks (recording_id, index);
create index on recording_chunks (recording_id, index) where object is null;
create index on recording_chunks (announced_at) where object is null;
