"""`hanlin keys`: shown once, listed without secrets, withdrawn, replaced."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli import main
from app.gateway.limits.keystore import read_keys
from app.gateway.settings import settings_of, with_keys
from cluster.errors import ApiKeyError, UserError
from cluster.stage import StageContext
from workloads.serving.spec import ServingSpec

RECIPE = "name: shop-lm\nstore: runs\ncorpus: {inputs: [raw]}\n"


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return str(tmp_path / "recipe.yaml")


def shown_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["keys", *arguments]) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_shown_once_and_works_until_it_is_withdrawn(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = shown_by(capsys, "create", recipe, "--tenant", "shop", "--scope", "generate", "--scope", "models", "--days", "30")
    assert re.fullmatch(r"hk-[0-9a-f]{12}-\S{43}", shown)
    uri, now = str(tmp_path / "runs" / "keys.json"), datetime.now(UTC)
    key = read_keys(uri).check(shown, now)
    assert (key.tenant, key.scopes) == ("shop", ("generate", "models"))
    assert key.expires is not None
    assert timedelta(days=29) < key.expires - now < timedelta(days=31)
    listed = shown_by(capsys, "list", recipe)
    assert key.id in listed
    assert shown.split("-", 2)[2] not in listed + (tmp_path / "runs" / "keys.json").read_text()
    assert "withdrawn" in shown_by(capsys, "revoke", recipe, key.id)
    with pytest.raises(ApiKeyError, match="revoked"):
        read_keys(uri).check(shown, now)
    assert "revoked" in shown_by(capsys, "list", recipe)


def test_rotation_shows_a_new_secret_and_the_old_one_ends(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = shown_by(capsys, "create", recipe)
    key_id = old.split("-")[1]
    new = shown_by(capsys, "rotate", recipe, key_id, "--grace-hours", "0")
    ring, now = read_keys(str(tmp_path / "runs" / "keys.json")), datetime.now(UTC)
    assert ring.check(new, now).id == key_id
    with pytest.raises(ApiKeyError):
        ring.check(old, now)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("revoke", "nokey"), "no key of that id"),
        (("rotate", "nokey"), "no key of that id"),
        (("create", "--days", "-1"), "--days"),
        (("create", "--tenant", " "), "tenant"),
        (("create", "--tenant", "../bank"), "letters"),
        (("create", "--tenant", "open"), "not anyone, feedback, open"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    recipe: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert main(["keys", arguments[0], recipe, *arguments[1:]]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "Traceback" not in error


def test_keys_are_needed_where_others_reach_the_endpoint(recipe: str, context: StageContext) -> None:
    assert settings_of(with_keys(ServingSpec(), context)).keys == ""
    open_to_all = ServingSpec(host="0.0.0.0")
    with pytest.raises(UserError, match="hanlin keys create"):
        with_keys(open_to_all, context)
    with pytest.raises(UserError, match="no API keys are named"):
        settings_of(open_to_all)
    unguarded = open_to_all.model_copy(update={"limits": open_to_all.limits.model_copy(update={"require_keys": False})})
    assert settings_of(with_keys(unguarded, context)).keys == ""
