"""Bring a server's mounts to a version of the plugin: `scripts/register`.

One way for an installation, an upgrade and a rollback: what runs is compared with what is wanted,
and what is missing is done, so that a second run finds nothing to do. `build` reads the wanted
version from the built file, `link` is the way to the servers, `server` asks one, `plan` compares,
`steps` is what can be done, `nodes` sees what each node runs then, `advice` is what to tell an
operator whom the server refused.
"""
