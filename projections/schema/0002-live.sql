-- Read models: each table is the fold of the log, and may be dropped and rebuilt. Instants are text in their stored form, which
-- sorts as time does; positions are commit positions of the log. Run with the schema that is to hold them first in search_path.
create extension if not exists btree_gist with schema public;

create table checkpoints (
  projection text not null,
  version integer not null,
  commit bigint,
  primary key (projection, version)
);

create table projects (
  id text primary key,
  mode text not null,
  twin text not null,
  name text,
  created_at text not null
);

create table end_users (
  id text primary key,
  project_id text not null,
  external_id text,
  email text,
  name text,
  metadata jsonb not null,
  erased boolean not null,
  created_at text not null,
  updated_at text not null,
  revision bigint not null
);
create index on end_users (project_id, created_at desc, id desc);
create index on end_users (project_id, external_id);

create table devices (
  id text primary key,
  project_id text not null,
  serial_number text,
  model text not null,
  generation integer not null,
  name text,
  firmware_version text,
  status text not null,
  end_user_id text,
  binding_id text,
  bound_at text,
  metadata jsonb not null,
  settings jsonb not null,
  settings_version integer not null,
  created_at text not null,
  updated_at text not null,
  revision bigint not null
);
create index on devices (project_id, created_at desc, id desc);
create index on devices (project_id, end_user_id);

-- Apart from devices: a heartbeat touches a narrow row, and never the one that a bind wrote.
create table device_health (
  device_id text primary key,
  project_id text not null,
  battery_percent integer,
  storage_used_mb bigint,
  storage_total_mb bigint,
  signal_strength_dbm integer,
  firmware_version text,
  device_name text,
  device_state text,
  pending_recordings bigint,
  flags integer,
  connection_type jsonb,
  last_heartbeat_at text,
  last_seen_at text,
  last_seen_via text,
  boot_window jsonb not null,
  session_id text,
  session_node text,
  session_position bigint,
  session_since text,
  presence_changed_at text,
  presence_reason text
) with (fillfactor = 70);
create index on device_health (session_node) where session_node is not null;

create table tokens (
  id text primary key,
  project_id text not null,
  device_id text not null,
  hmac text not null,
  pepper_kid text not null,
  state text not null,
  valid_until text
);
create index on tokens (device_id);

create table api_keys (
  id text primary key,
  project_id text not null,
  kind text not null,
  scopes jsonb not null,
  name text,
  hint text not null,
  hmac text not null,
  pepper_kid text not null,
  old_hmac text,
  old_pepper_kid text,
  old_valid_until text,
  revoked boolean not null,
  created_at text not null,
  updated_at text not null,
  revision bigint not null
);
create index on api_keys (project_id, created_at desc, id desc);

-- Sessions that are open.
create table sessions (
  id text primary key,
  node text not null,
  project_id text not null,
  device_id text not null,
  token_id text not null,
  opened_at text not null,
  position bigint not null
);
create index on sessions (node);

-- Nodes that another node found dead: what stands after that in their streams of sessions is void.
create table lost_nodes (
  id text primary key,
  lost_by text not null,
  position bigint not null
);

create table ownership (
  binding_id text primary key,
  project_id text not null,
  device_id text not null,
  end_user_id text not null,
  since timestamptz(3) not null,
  until timestamptz(3),
  constraint one_owner_at_a_time exclude using gist
    (device_id with =, tstzrange(since, until) with &&) deferrable initially deferred
);
create index on ownership (project_id, end_user_id);
