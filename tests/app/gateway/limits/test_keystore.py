"""The file of keys, and how a gateway follows it."""

import asyncio
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from app.gateway.limits.keys import SCOPES, KeyRing, new_key, utc_now
from app.gateway.limits.keystore import WatchedKeys, read_keys, write_keys
from cluster.errors import ApiKeyError, InputError, UnavailableError

NOW = utc_now()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_written_is_read_and_only_the_owner_may(tmp_path: Path) -> None:
    key, _ = new_key("shop", SCOPES, NOW, NOW + timedelta(days=9))
    uri = str(tmp_path / "keys.json")
    assert read_keys(uri).keys == {}
    write_keys(uri, KeyRing({key.id: key}))
    assert read_keys(uri).keys == {key.id: key}
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"keys": 5}')
    with pytest.raises(InputError, match="not a file of API keys"):
        read_keys(str(tmp_path / "keys.json"))


def test_a_gateway_follows_the_file_and_survives_a_broken_one(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys.json", Clock()
    key, shown = new_key("shop", SCOPES, NOW, None)
    write_keys(str(file), KeyRing({key.id: key}))

    async def run() -> None:
        keys = WatchedKeys(str(file), clock)
        assert (await keys.check(shown, NOW)).tenant == "shop"
        rotated, fresh = key.rotated(NOW, timedelta(hours=1))
        write_keys(str(file), KeyRing({key.id: rotated}))
        clock.now += 1.1
        assert (await keys.check(fresh, NOW)).tenant == "shop"
        file.write_text("broken")
        clock.now += 1.1
        assert (await keys.check(fresh, NOW)).tenant == "shop"
        write_keys(str(file), KeyRing({key.id: rotated.model_copy(update={"revoked": NOW})}))
        clock.now += 1.1
        with pytest.raises(ApiKeyError, match="revoked"):
            await keys.check(fresh, NOW)
        file.unlink()
        clock.now += 1.1
        with pytest.raises(ApiKeyError, match="not known"):
            await keys.check(fresh, NOW)

    asyncio.run(run())


def test_a_file_that_never_could_be_read_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("broken")

    async def run() -> None:
        with pytest.raises(UnavailableError):
            await WatchedKeys(str(tmp_path / "keys.json")).check("hk-a-b", NOW)

    asyncio.run(run())
