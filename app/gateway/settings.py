"""What a gateway process is told when it starts, beside where its models are."""

from dataclasses import dataclass, field

from app.gateway.cache.shared import require_redis
from app.gateway.limits.keystore import keys_of, read_keys
from app.gateway.semantic.calibration import Calibration, read_calibration
from cluster.errors import UserError
from cluster.stage import StageContext
from workloads.serving.gateway_spec import CacheSpec, LimitsSpec
from workloads.serving.spec import ServingSpec


@dataclass(frozen=True)
class GatewaySettings:
    """`keys` is the URI of the API keys, empty where requests need none; `gateways` is how many share the limits; `semantic` is None
    where only the very same question gets a kept answer; `adapters` is the URI of the list of adapters, empty where there are none."""

    cache: CacheSpec = field(default_factory=CacheSpec)
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    keys: str = ""
    gateways: int = 1
    semantic: Calibration | None = None
    adapters: str = ""


def settings_of(spec: ServingSpec) -> GatewaySettings:
    """A recipe's settings. Raises UserError where keys are required and the spec does not say, by `with_keys`, which; DependencyError where a
    package is missing, InputError where `cache.semantic` is no calibration."""
    if spec.keys_required and not spec.limits.keys:
        raise UserError(f"serving.host is {spec.host} and no API keys are named", "keys, or limits.require_keys false", "")
    if spec.cache.redis:
        require_redis()  # here it is one line; in a gateway's process it would be the end of it
    keys = spec.limits.keys if spec.keys_required else ""
    semantic = read_calibration(spec.cache.semantic) if spec.cache.semantic else None
    return GatewaySettings(spec.cache, spec.limits, keys, spec.gateway_replicas, semantic)


def with_keys(spec: ServingSpec, context: StageContext) -> ServingSpec:
    """The spec with the places of its API keys and its calibration made absolute. Raises UserError where requests need a key and there is none."""
    uri = keys_uri(spec, context)
    if spec.keys_required and not read_keys(uri).keys:
        raise UserError(
            f"serving.host is {spec.host} and there is no API key in {uri}",
            "an endpoint that others reach needs keys",
            "make one with `hanlin keys create RECIPE`, or set serving.limits.require_keys to false",
        )
    limits = spec.limits.model_copy(update={"keys": uri})
    calibration = context.resolve(spec.cache.semantic) if spec.cache.semantic else ""
    return spec.model_copy(update={"limits": limits, "cache": spec.cache.model_copy(update={"semantic": calibration})})


def keys_uri(spec: ServingSpec, context: StageContext) -> str:
    """Where a recipe's API keys are."""
    return context.resolve(spec.limits.keys) if spec.limits.keys else keys_of(context.store)
