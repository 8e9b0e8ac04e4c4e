-- Keys of persons, devices, API keys and projects, each wrapped by a key-encryption key of the secrets file. No rebuild drops
-- them; a back-up must hold them. `wrapped` null: the subject was erased, and its key is never made anew.
create schema vault;

create table vault.subject_keys (
  subject text primary key,
  project text not null,
  kek_kid text not null,
  wrapped bytea,
  created_at timestamptz not null,
  erased_at timestamptz
);
