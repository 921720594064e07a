-- Rights of roles that do not own the schema. Run this as its owner, once the schema exists.

-- #region caller
-- An application that only inserts and awaits.
create role app_caller login;
grant usage on schema baton to app_caller;
grant select on baton.migrations, baton.additions, baton.hosts to app_caller;
grant select, insert on baton.jobs to app_caller;
-- #endregion

-- #region host
-- A host.
create role app_host login;
grant usage on schema baton to app_host;
grant select on baton.migrations, baton.additions to app_host;
grant select, insert, update, delete on baton.jobs, baton.hosts to app_host;
-- #endregion
