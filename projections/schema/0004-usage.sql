-- What is no fold of the log: when an API key was last used, to the minute. No rebuild touches it, and nothing is lost with it.
create schema usage;

create table usage.api_keys (
  key_id text primary key,
  used_at timestamptz(3) not null
);
