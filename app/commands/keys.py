"""keys create|list|revoke|rotate: who may ask a served model. A running endpoint follows within a second."""

import argparse
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from app.commands.arguments import Verbs, add_recipe, verb
from app.gateway.limits.keys import SCOPES, TENANTS, ApiKey, KeyRing, is_tenant, new_key, utc_now
from app.gateway.limits.keystore import changing_keys, read_keys, write_keys
from app.gateway.settings import keys_uri
from app.recipe import load_recipe
from cluster.errors import UserError
from cluster.observe.progress import SilentReporter
from cluster.stage import open_context


def add_verbs(verbs: Verbs) -> None:
    group = verb(verbs, "keys", "create, list, replace and withdraw API keys of an endpoint", _list)
    actions = group.add_subparsers(metavar="ACTION", required=True)
    create = verb(actions, "create", "make a key and show it, once", _create)
    add_recipe(create)
    create.add_argument("--tenant", default="default", help="whose key it is; limits and kept answers go by it")
    create.add_argument("--scope", action="append", choices=SCOPES, default=[], help="what it is for (default: all)")
    create.add_argument("--days", type=float, default=0, help="days until it expires (default: never)")
    add_recipe(verb(actions, "list", "list the keys, without their secrets", _list))
    revoke = verb(actions, "revoke", "withdraw a key", _revoke)
    rotate = verb(actions, "rotate", "give a key a new secret and show it, once", _rotate)
    for parser in (revoke, rotate):
        add_recipe(parser)
        parser.add_argument("key", help="its id, as `hanlin keys list` shows it")
    rotate.add_argument("--grace-hours", type=float, default=24, help="hours that the old secret stays good (default: 24)")


def _create(options: argparse.Namespace) -> None:
    uri = _uri(options)
    if not is_tenant(options.tenant):
        raise UserError(f"the tenant {options.tenant[:80]!r}", TENANTS, "name the one who gets the key")
    now = utc_now()
    expires = now + _span(options.days, "--days", hours=24) if options.days else None
    key, shown = new_key(options.tenant, tuple(dict.fromkeys(options.scope)) or SCOPES, now, expires)
    with changing_keys(uri) as ring:
        write_keys(uri, KeyRing(ring.keys | {key.id: key}))
    _show_once(key, shown)


def _list(options: argparse.Namespace) -> None:
    table = Table(box=None, header_style="dim")
    for column in ("id", "tenant", "scopes", "created", "expires", "state"):
        table.add_column(column)
    now = utc_now()
    for key in read_keys(_uri(options)).keys.values():
        expires = key.expires.isoformat() if key.expires else "never"
        table.add_row(key.id, key.tenant, " ".join(key.scopes), key.created.isoformat(), expires, key.state(now))
    Console().print(table if table.row_count else "no keys yet; make one with `hanlin keys create RECIPE`")


def _revoke(options: argparse.Namespace) -> None:
    uri = _uri(options)
    with changing_keys(uri) as ring:
        key = _find(ring, options.key)
        revoked = key.model_copy(update={"revoked": key.revoked or utc_now()})
        write_keys(uri, KeyRing(ring.keys | {key.id: revoked}))
    print(f"the key {key.id} of {key.tenant} is withdrawn")


def _rotate(options: argparse.Namespace) -> None:
    uri = _uri(options)
    grace, now = _span(options.grace_hours, "--grace-hours", hours=1), utc_now()
    with changing_keys(uri) as ring:
        key = _find(ring, options.key)
        if (state := key.state(now)) != "good":
            raise UserError(f"the key {key.id} is {state}", "a good key", "make a new one with `hanlin keys create`")
        rotated, shown = key.rotated(now, grace)
        write_keys(uri, KeyRing(ring.keys | {key.id: rotated}))
    _show_once(rotated, shown)


def _show_once(key: ApiKey, shown: str) -> None:
    """The secret alone on standard output, so that it can go straight into a file."""
    Console(stderr=True).print(f"key {key.id} of {key.tenant}, for {' '.join(key.scopes)}; it cannot be shown again")
    print(shown)


def _find(ring: KeyRing, key_id: str) -> ApiKey:
    if key_id not in ring.keys:
        raise UserError("there is no key of that id", f"known: {', '.join(ring.keys) or 'none'}", "see `hanlin keys list`")
    return ring.keys[key_id]


def _span(count: float, option: str, hours: float) -> timedelta:
    if not 0 <= count < 1e6:
        raise UserError(f"{option} {count}", "a number that is not less than 0", "")
    return timedelta(hours=count * hours)


def _uri(options: argparse.Namespace) -> str:
    file, recipe = load_recipe(options.recipe, options.overrides)
    return keys_uri(recipe.serving, open_context(file, SilentReporter()))
