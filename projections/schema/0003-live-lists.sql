-- Lists: each filter in the order in which it is listed, so that a page costs the same however many rows there are.
drop index devices_project_id_created_at_id_idx;
drop index devices_project_id_end_user_id_idx;
create index on devices (project_id, created_at desc, id desc) where status <> 'retired';
create index on devices (project_id, status, created_at desc, id desc);
create index on devices (project_id, model, created_at desc, id desc);
create index on devices (project_id, end_user_id, created_at desc, id desc) where end_user_id is not null;
create index on devices (project_id, serial_number);
create index on devices using gin (metadata jsonb_path_ops);

drop index end_users_project_id_created_at_id_idx;
create index on end_users (project_id, created_at desc, id desc) where not erased;
create index on end_users (project_id, email);
create index on end_users using gin (metadata jsonb_path_ops);

-- A project's fleet, and who of it may be online: an open session, or heard over HTTP. None of these columns changes with a heartbeat, so updates stay within their page.
create index on device_health (project_id);
create index on device_health (project_id, device_id) where session_id is not null or last_seen_via = 'http';

drop index ownership_project_id_end_user_id_idx;
create index on ownership (project_id, end_user_id, since desc, binding_id desc);
