-- Heartbeats as they were received, a row a run: what one device sent within one batch of the history. Rows are made once and never change. A
-- partition is a UTC day, made as it comes and dropped whole as it goes; a run stays within its day.
drop table heartbeats;
create table heartbeats (
  device_id text not null,
  project_id text not null,
  -- The place in the log of the first.
  position bigint not null,
  entry integer not null,
  -- The least and the greatest time of receipt.
  received_at timestamptz(3) not null,
  received_until timestamptz(3) not null,
  -- JSON, packed: of each heartbeat [position, entry, rx, via, boot, seq, at, data].
  beats bytea not null,
  -- The numbers that were met until the end of the run, to tell a retransmission.
  numbering json,
  primary key (device_id, position, entry, received_at)
) partition by range (received_at);
-- It is packed already.
alter table heartbeats alter column beats set storage external;
