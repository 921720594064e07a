-- What roles need that do not own the schema. Run as the role that owns it, once it is up to date.

-- #region caller
-- An application that only inserts and awaits.
create role caller login;
grant usage on schema baton to caller;
grant select on baton.migrations, baton.additions, baton.hosts to caller;
grant select, insert on baton.jobs to caller;
-- #endregion

-- #region host
-- A host.
create role host login;
grant usage on schema baton to host;
grant select on baton.migrations, baton.additions to host;
grant select, insert, update, delete on baton.jobs, baton.hosts to host;
-- #endregion
