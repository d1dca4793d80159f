"""Keys: recognised, refused, rotated; nothing of a secret is kept or shown."""

from datetime import timedelta

import pytest

from app.gateway.limits.keys import SCOPES, KeyRing, new_key, utc_now
from cluster.errors import ApiKeyError

NOW = utc_now()


def test_a_key_is_recognised_and_nothing_else_is() -> None:
    key, shown = new_key("shop", SCOPES, NOW, None)
    other, _ = new_key("other", SCOPES, NOW, None)
    ring = KeyRing({key.id: key, other.id: other})
    assert ring.check(shown, NOW).tenant == "shop"
    secret = shown.partition("-")[2].partition("-")[2]
    for wrong in (
        "",
        "hk",
        "hk-",
        f"hk-{key.id}-",
        shown[:-1],
        shown + "x",
        f"hk-{other.id}-{secret}",
        f"xx-{key.id}-{secret}",
    ):
        with pytest.raises(ApiKeyError, match="not known here") as caught:
            ring.check(wrong, NOW)
        assert secret not in str(caught.value)


def test_what_is_kept_does_not_hold_the_secret() -> None:
    key, shown = new_key("shop", SCOPES, NOW, None)
    secret = shown.split("-", 2)[2]
    assert len(secret) >= 43
    assert secret not in key.model_dump_json()
    assert key.secrets[0].digest not in repr(key)
    again, _ = new_key("shop", SCOPES, NOW, None)
    assert key.secrets[0].salt != again.secrets[0].salt


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../bank", "a\\b", "a\x00", "open", "feedback", "anyone", "长" * 65])
def test_a_tenants_name_is_that_of_a_folder_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="a tenant's name is"):
        new_key(name, SCOPES, NOW, None)
    assert new_key("上海分公司 2.b@x", SCOPES, NOW, None)[0].tenant == "上海分公司 2.b@x"


def test_an_expired_and_a_revoked_key_are_refused_by_name() -> None:
    key, shown = new_key("shop", SCOPES, NOW, NOW + timedelta(days=1))
    ring = KeyRing({key.id: key})
    ring.check(shown, NOW)
    with pytest.raises(ApiKeyError, match="is expired"):
        ring.check(shown, NOW + timedelta(days=1))
    revoked = key.model_copy(update={"revoked": NOW})
    with pytest.raises(ApiKeyError, match="is revoked"):
        KeyRing({key.id: revoked}).check(shown, NOW)


def test_rotation_keeps_the_old_secret_for_a_while() -> None:
    key, old = new_key("shop", SCOPES, NOW, None)
    key, new = key.rotated(NOW, timedelta(hours=1))
    ring = KeyRing({key.id: key})
    assert ring.check(old, NOW).id == ring.check(new, NOW).id
    later = NOW + timedelta(hours=1)
    assert ring.check(new, later).id == key.id
    with pytest.raises(ApiKeyError):
        ring.check(old, later)
    assert len(key.rotated(later, timedelta(0))[0].secrets) == 1  # old ones do not pile up
