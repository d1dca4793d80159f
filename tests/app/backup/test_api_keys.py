"""API keys in a backup: they open the restored endpoint, nobody else may read them, and other keys are not lost."""

import stat
from pathlib import Path

import pytest

from app.backup.api_keys import keys_in
from app.backup.contents import open_backup
from app.backup.make import Source, make_backup
from app.backup.restore import Target, restore_backup
from app.cli import main
from app.gateway.limits.keys import SCOPES, KeyRing, new_key, utc_now
from app.gateway.limits.keystore import keys_of, read_keys, write_keys
from cluster.errors import ArtifactError, InputError, UserError
from tests.app.backup.conftest import MakePlace, Place


def silent(_: str) -> None:
    return


def add_key(uri: str, tenant: str) -> str:
    """The secret, which the file does not hold."""
    key, shown = new_key(tenant, SCOPES, utc_now(), None)
    write_keys(uri, KeyRing(read_keys(uri).keys | {key.id: key}))
    return shown


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_a_key_opens_what_was_restored(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    shown = add_key(keys_of(used.store), "shop")
    backup = make_backup(used.source, str(tmp_path / "backups"), "copy", silent)
    kept = (backup.location / "keys.json").path
    assert shown not in Path(kept).read_text()
    assert (mode(kept), keys_in(backup)) == (0o600, 1)
    used.lose()
    new = make_place("new")
    restore_backup(open_backup(str(tmp_path / "backups")), new.target(), silent)
    assert read_keys(keys_of(new.store)).check(shown, utc_now()).tenant == "shop"
    assert mode(keys_of(new.store)) == 0o600


def test_keys_that_a_recipe_names_elsewhere(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    there, then = str(tmp_path / "secrets" / "mine.json"), str(tmp_path / "other" / "mine.json")
    shown = add_key(there, "shop")
    source = Source(used.store, used.tracking_uri, keys=there)
    backup = make_backup(source, str(tmp_path / "backups"), "copy", silent)
    new = make_place("new")
    restore_backup(backup, Target(new.store, new.tracking_uri, keys=then), silent)
    assert read_keys(then).check(shown, utc_now())
    assert not read_keys(keys_of(new.store)).keys


def test_other_keys_stay_unless_told_and_then_are_put_aside(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    add_key(keys_of(used.store), "shop")
    backup = make_backup(used.source, str(tmp_path / "backups"), "copy", silent)
    new = make_place("new")
    other = add_key(keys_of(new.store), "reports")
    with pytest.raises(UserError, match=r"there are API keys in .*--replace"):
        restore_backup(backup, new.target(), silent)
    assert list(new.store.artifacts()) == []
    restore_backup(backup, new.target(replace=True), silent)
    (aside,) = Path(new.store.root.path).glob("keys.json.replaced-*")
    assert read_keys(str(aside)).check(other, utc_now()).tenant == "reports"
    assert mode(str(aside)) == 0o600
    assert read_keys(keys_of(new.store)) == read_keys(keys_of(used.store))


def test_a_changed_key_file_is_never_restored(used: Place, make_place: MakePlace, tmp_path: Path) -> None:
    add_key(keys_of(used.store), "shop")
    backup = make_backup(used.source, str(tmp_path / "backups"), "copy", silent)
    add_key((backup.location / "keys.json").uri, "intruder")
    with pytest.raises(ArtifactError, match=r"keys\.json .*has changed"):
        restore_backup(backup, make_place("new").target(), silent)


def test_a_broken_key_file_makes_no_backup(used: Place, tmp_path: Path) -> None:
    Path(keys_of(used.store)).write_text("{}[")
    with pytest.raises(InputError, match="not a file of API keys"):
        make_backup(used.source, str(tmp_path / "backups"), "copy", silent)


def test_the_command_line_tells_how_many(used: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_key(keys_of(used.store), "shop")
    assert main(["backup", str(tmp_path / "backups"), "--store", used.store.root.path, "--artifacts", "copy"]) == 0
    assert "; 1 API keys;" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "backups"), "--store", str(tmp_path / "new")]) == 0
    assert "1 API keys, as they were then" in capsys.readouterr().out
