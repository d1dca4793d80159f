"""Bring model revisions up and down on Ray Serve: one application per revision, never changed in place.

Not for routing between them (app/gateway). Needs a Ray session (cluster/session.py).
"""

import contextlib
import logging
import time
import uuid
from typing import Any

from cluster import errors
from cluster.artifacts import Artifact
from cluster.capacity import current_room
from cluster.errors import AddressError, UnavailableError
from workloads.serving.address import require_certificate, require_free_port
from workloads.serving.builds.choice import build_for
from workloads.serving.engine.base import Chunk, EngineSettings, Request, Sampling
from workloads.serving.entrance import entrance_environment
from workloads.serving.memory import appetite_of, memory_of, require_memory
from workloads.serving.spec import ServingSpec

APP_PREFIX = "model-"
SERVE_LOGGING = {"enable_access_log": False, "log_level": "WARNING"}
"""Serve's own lines; each request has one of ours."""
DEPLOYMENT = "replica"
_LOOK_BACK_SECONDS = 15.0  # the load is the mean of these; gateways tell theirs every 10 s, and Serve wants more than that
_POLL_SECONDS = 0.1
_SCALE_UP_SECONDS = 5.0  # a burst that is over sooner needs no copy


def start_http(spec: ServingSpec) -> str:
    """Start Ray Serve with HTTP on the spec's host and port unless it runs; the base URL.

    Raises AddressError where the port is taken, or where Serve runs on another one already.
    """
    from ray import serve

    _quiet()
    running = _running_http()
    require_certificate(spec)
    if running is None:
        require_free_port(spec.host, spec.port)
        serve.start(
            proxy_location={"head": "HeadOnly", "every": "EveryNode"}[spec.proxies],
            http_options={
                "host": spec.host,
                "port": spec.port,
                "request_timeout_s": spec.request_timeout + 5,  # the gateway answers first
                "ssl_certfile": spec.tls_certificate or None,
                "ssl_keyfile": spec.tls_key or None,
            },
            logging_config=SERVE_LOGGING,
            controller_options={"runtime_env": {"env_vars": entrance_environment(spec)}},
        )
    elif running[:2] != (spec.host, spec.port):
        raise AddressError(
            f"this Ray session serves on {running[0]}:{running[1]}, not on {spec.host}:{spec.port}",
            "one HTTP address per session",
            f"set serving.port to {running[1]}, or stop what is served",
        )
    elif running[2] != spec.tls_certificate:
        raise AddressError(
            f"this Ray session serves {'with another certificate' if running[2] else 'without TLS'}",
            "one HTTP address per session, with or without TLS",
            "stop what is served, then serve again",
        )
    return spec.base_url


def deploy_revision(spec: ServingSpec, model: Artifact, revision: str) -> str:
    """Serve a model artifact as one revision; the name of its Serve application, once a replica is up.

    Doing it again with the same arguments changes nothing. Raises ArtifactError where a byte of the model has changed,
    ResourceError where no machine has the memory, UnavailableError where no replica comes up within `start_timeout`; what was served before goes on in either case.
    """
    start_http(spec)
    return deploy_replicas(spec, model, revision)


def deploy_replicas(spec: ServingSpec, model: Artifact, revision: str) -> str:
    """The same where HTTP is served already, from any machine of the cluster."""
    from ray import serve

    app = application_of(revision)
    if app in deployed():
        return app
    if model.location.is_local:
        model.verify()  # the replica does so again; from here the message is plain and comes at once
    require_memory(current_room(), spec, appetite_of(spec, model, build_for(spec, model) is not None))
    target = serve.RunTarget(bind_replica(spec, model, revision), name=app, route_prefix=None)
    serve.run_many([target], wait_for_applications_running=False)
    if reason := wait_until_up(app, spec.start_timeout):
        with contextlib.suppress(TimeoutError):  # a copy whose process never came up goes later, after drain_seconds
            serve.delete(app)
        model.verify()
        raise UnavailableError(
            f"revision {revision} did not come up ({reason})",
            "what was served before goes on",
            f"look at the log above; where it waits for machines{spec.runtime_env.hint}, raise serving.start_timeout",
        )
    return app


def bind_replica(spec: ServingSpec, model: Artifact, revision: str) -> Any:
    """A revision's deployment, not deployed yet: what a Serve application is built from."""
    from ray import serve
    from ray.serve.config import RequestRouterConfig

    from workloads.serving.replica import Replica
    from workloads.serving.routing import PrefixRouter

    build = build_for(spec, model)
    options: dict[str, Any] = {
        "num_cpus": spec.cpus_per_replica,
        "num_gpus": spec.gpus_per_replica,
        "memory": memory_of(spec, appetite_of(spec, model, build is not None)),
    }
    if environment := spec.runtime_env.for_ray():
        options["runtime_env"] = environment
    router = RequestRouterConfig(request_router_class=PrefixRouter)  # type: ignore[arg-type]
    deployment: Any = serve.deployment(
        Replica,
        name=DEPLOYMENT,
        **_copies(spec),
        request_router_config=router,
        ray_actor_options=options,
        max_ongoing_requests=spec.max_ongoing_requests,
        max_queued_requests=spec.max_queued_requests,
        max_surge_percent=100,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=spec.drain_seconds,
        health_check_period_s=5,
        logging_config=SERVE_LOGGING,
    )
    return deployment.bind(model.uri, model.manifest.to_json(), revision, spec.engine, settings_for(spec), build)


def settings_for(spec: ServingSpec) -> EngineSettings:
    """How each replica's engine runs."""
    return EngineSettings(
        spec.slots,
        spec.max_context,
        spec.engine_threads,
        prefill_tokens=spec.prefill_tokens,
        prefix_mb=spec.prefix_mb,
        share_weights=spec.share_weights,
        guess_tokens=spec.guess_tokens,
        weights="int8" if spec.weights in ("int8", "int4") else "f32",
        adapter_mb=spec.adapter_mb,
    )


def _copies(spec: ServingSpec) -> dict[str, Any]:
    """Serve's options for how many replicas there are: a fixed number, or as many as the requests ask for.

    A replica for which there is no room waits as an actor: the autoscaler adds a machine for it, or an elastic training gives
    it the room.
    """
    if spec.most_replicas == spec.replicas:
        return {"num_replicas": spec.replicas}
    from ray.serve.config import AutoscalingPolicy

    from workloads.serving.scaling import LoadPolicy

    policy = AutoscalingPolicy(  # type: ignore[no-untyped-call]
        policy_function=LoadPolicy, policy_kwargs={"tokens_per_copy": spec.target_context_tokens}
    )
    scaling = {
        "min_replicas": spec.replicas,
        "initial_replicas": max(spec.replicas, 1),  # also where none is kept: that it comes up must be seen once
        "max_replicas": spec.most_replicas,
        "target_ongoing_requests": spec.target_ongoing_requests,
        "look_back_period_s": _LOOK_BACK_SECONDS,
        "upscale_delay_s": _SCALE_UP_SECONDS,
        "downscale_delay_s": spec.scale_down_seconds,
        "policy": policy,
    }
    return {"autoscaling_config": scaling}


def ask_once(app: str) -> Chunk:
    """A few greedy tokens from a served revision, to see that it answers."""
    from ray import serve

    handle: Any = serve.get_deployment_handle(DEPLOYMENT, app_name=app)
    request = Request(uuid.uuid4().hex, (0,), 8, Sampling(temperature=0))
    answer = Chunk()
    for chunk in handle.options(stream=True).generate.remote(request, 0.0):
        answer = answer.then(chunk)
    return answer


def engine_of(app: str) -> str:
    """What runs a served revision: `torch`, `vllm`, or `openvino` where its build was taken."""
    from ray import serve

    handle: Any = serve.get_deployment_handle(DEPLOYMENT, app_name=app)
    return str(handle.card.remote().result().capabilities.engine)


def remove_revision(revision: str) -> None:
    """Stop serving a revision: its replicas finish the answers they are giving, then end."""
    from ray import serve

    serve.delete(application_of(revision))


def application_of(revision: str) -> str:
    """The name of a revision's Serve application."""
    return APP_PREFIX + revision


def deployed() -> dict[str, str]:
    """Serve's applications and their states, e.g. RUNNING."""
    from ray import serve

    return {name: str(app.status.value) for name, app in serve.status().applications.items()}


def stop_serving() -> None:
    """End all applications and Serve itself; the Ray session stays."""
    from ray import serve

    serve.shutdown()  # type: ignore[no-untyped-call]


def _running_http() -> tuple[str, int, str] | None:
    from ray.serve.context import _get_global_client

    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        return None
    return client.http_config.host, client.http_config.port, client.http_config.ssl_certfile or ""


def wait_until_up(app: str, seconds: float) -> str:
    """Empty once the application runs; else Serve's own word on why it does not."""
    from ray import serve

    end = time.monotonic() + seconds
    while True:
        found = serve.status().applications[app]
        if found.status == "RUNNING":
            return ""
        told = [_last_line(each.message) for each in found.deployments.values() if each.message]
        loaded = any(each.replica_states.get("RUNNING") for each in found.deployments.values())  # type: ignore[call-overload]
        if found.status == "DEPLOY_FAILED" or (not loaded and any(map(_is_for_good, told))):
            return ": ".join(told) or _last_line(found.message) or "Serve says no more"
        if time.monotonic() > end:
            return ": ".join([f"not within {seconds:g} s", *told])
        time.sleep(_POLL_SECONDS)


def _is_for_good(told: str) -> bool:
    """Whether a replica's own error, in Serve's words, is the model's or the recipe's, which the next try meets again: Serve would
    start three more. What a machine lacks, the next one may have."""
    module, _, name = told.partition(":")[0].rpartition(".")
    kind = getattr(errors, name, None) if module == errors.__name__ else None
    of_machines = (errors.ResourceError, errors.AddressError, errors.DependencyError)
    return (
        isinstance(kind, type)
        and issubclass(kind, (errors.UserError, errors.ArtifactError))
        and not issubclass(kind, of_machines)
    )


def _quiet() -> None:
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
