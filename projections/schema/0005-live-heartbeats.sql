-- Heartbeats as they were received, a partition a day (UTC): days are made as they come and dropped whole as they go. `entry` is the
-- place within the commit at `position`; `boot` and `seq` tell a retransmission.
create table heartbeats (
  device_id text not null,
  project_id text not null,
  received_at timestamptz(3) not null,
  position bigint not null,
  entry integer not null,
  via text not null,
  boot text,
  seq bigint,
  device_at text,
  data jsonb not null,
  primary key (device_id, received_at, position, entry)
) partition by range (received_at);
create index on heartbeats (device_id, boot, seq) where boot is not null and seq is not null;
