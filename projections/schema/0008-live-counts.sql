-- How many rows of a read model are such and such, by project world: kept by whoever writes the rows, in the same transaction.
create table counts (
  project_id text not null,
  projection text not null,
  name text not null,
  rows bigint not null,
  primary key (project_id, projection, name)
) with (fillfactor = 50);

-- Health alone says what of it counts.
alter table device_health add column retired boolean not null default false;
update device_health h set retired = true from devices d where d.id = h.device_id and d.status = 'retired';

insert into counts
  select project_id, 'devices', 'devices', count(*) from devices where status <> 'retired' group by project_id
  union all select project_id, 'devices', 'bound', count(*) from devices where status = 'bound' group by project_id
  union all select project_id, 'device_health', 'connected', count(*) from device_health where not retired and session_id is not null group by project_id
  union all select project_id, 'device_health', 'low_battery', count(*) from device_health where not retired and battery_percent < 15 group by project_id
  union all select project_id, 'device_health', 'storage_full', count(*) from device_health
    where not retired and storage_used_mb * 10 > storage_total_mb * 9 group by project_id;

-- Counted row by row are those alone whose being online is a matter of time.
drop index device_health_project_id_idx;
create index on device_health (project_id) where session_id is null and last_seen_via = 'http' and not retired;
