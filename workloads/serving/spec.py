"""The `serving` section of a recipe."""

from typing import Literal

import psutil
from pydantic import Field, model_validator

from cluster.config import Spec
from workloads.serving.gateway_spec import CacheSpec, LimitsSpec
from workloads.serving.runtime_env_spec import RuntimeEnvSpec


class ServingSpec(Spec):
    """How a model is served. The defaults fit a laptop with two processors."""

    host: str = Field("127.0.0.1", description="address that HTTP binds to; loopback unless you mean otherwise")
    port: int = Field(8000, ge=1, le=65535, description="HTTP port")
    tls_certificate: str = Field("", description="PEM file of the endpoint's certificate (chain); empty: plain HTTP")
    tls_key: str = Field("", description="PEM file of the certificate's private key; on the machine that serves HTTP")
    engine: Literal["auto", "torch", "openvino", "vllm"] = Field(
        "auto", description="what runs the model; auto: openvino on processors where it is installed, else torch"
    )
    runtime_env: RuntimeEnvSpec = RuntimeEnvSpec()
    weights: Literal["f32", "bf16", "int8", "int4"] = Field(
        "bf16",
        description="of the engine build that openvino runs; torch has int8 on processors, also for int4, else f32; vllm has f32 there, bf16 on accelerators",
    )
    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description="copies of the model; the fewest where max_replicas is more, and with 0 none while nobody asks: who asks then waits for one to start",
    )
    max_replicas: int | None = Field(
        None, ge=1, le=1000, description="most copies: more than `replicas` lets them follow the load (default: replicas)"
    )
    target_ongoing_requests: float = Field(
        16.0, gt=0, description="requests per copy, answering or waiting, by which the number of copies follows the load"
    )
    target_context_tokens: int = Field(
        0, ge=0, description="tokens held per copy, prompts and answers, by which it follows the load too; 0: requests alone"
    )
    scale_down_seconds: float = Field(300.0, ge=0, description="seconds of less load before a copy is taken away")
    cpus_per_replica: float = Field(1.0, ge=0, description="logical processors that Ray holds for each copy")
    memory_mb: int | None = Field(
        None, ge=64, description="megabytes of memory that Ray holds for each copy; unset: what it takes with every slot full"
    )
    share_weights: bool = Field(
        False,
        description="torch on processors, 32 bits: copies of a machine read one mapping of the model's file; less memory, below 300M parameters slower",
    )
    gpus_per_replica: float = Field(0.0, ge=0, description="accelerators that Ray holds for each copy")
    threads: int = Field(0, ge=0, le=256, description="threads of a copy; 0: as many as the processors it may use")
    slots: int = Field(32, ge=1, le=1024, description="requests that a copy answers at once; more wait")
    max_context: int = Field(0, ge=0, description="tokens per request, prompt and answer together; 0: all the model has")
    prefill_tokens: int = Field(256, ge=16, le=65536, description="prompt tokens read between two decoding steps")
    prefix_mb: int = Field(
        64,
        ge=0,
        le=65536,
        description="megabytes of a copy for beginnings of prompts, so that they are not read again; 0: none",
    )
    guess_tokens: int = Field(
        0,
        ge=0,
        le=16,
        description="tokens guessed at once of an answer that runs alone, where it repeats what was said; 0: none",
    )
    adapter_mb: int = Field(
        0,
        ge=0,
        le=65536,
        description="megabytes of a copy for adapters (LoRA), which torch runs; the one asked for longest ago makes room; 0: none",
    )
    max_ongoing_requests: int = Field(256, ge=1, description="requests that a copy holds, answering or waiting")
    max_queued_requests: int = Field(512, ge=1, description="requests that wait for a copy before 429 is answered")
    request_timeout: float = Field(300.0, gt=0, description="seconds until a request is ended")
    drain_seconds: float = Field(
        60.0,
        ge=0,
        description="seconds that a copy has to finish its answers when it is removed; less than machines have to drain",
    )
    start_timeout: float = Field(180.0, gt=0, description="seconds until a copy that does not come up counts as failed")
    gateway_replicas: int = Field(1, ge=1, le=100, description="copies of the HTTP gateway")
    gateway_cpus: float = Field(0.0, ge=0, description="logical processors that Ray holds for each gateway")
    proxies: Literal["head", "every"] = Field(
        "head", description="which machines take HTTP requests; every: all with a copy, and the head, to survive any of them"
    )
    cache: CacheSpec = CacheSpec()
    limits: LimitsSpec = LimitsSpec()

    entrance: Literal["auto", "haproxy", "serve"] = Field(
        "auto",
        description="what takes HTTP; auto: HAProxy where it runs and TLS is not asked for, else Ray Serve's proxy",
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "ServingSpec":
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together: give both or neither")
        return self

    @model_validator(mode="after")
    def _adapters_with_torch(self) -> "ServingSpec":
        if self.adapter_mb and self.engine == "openvino":
            raise ValueError(
                "adapter_mb with engine openvino, which takes no adapters: set engine to torch or auto, or adapter_mb to 0"
            )
        return self

    @model_validator(mode="after")
    def _what_vllm_does_not(self) -> "ServingSpec":
        given = {
            "adapter_mb": self.adapter_mb,
            "guess_tokens": self.guess_tokens,
            "share_weights": self.share_weights,
            f"weights {self.weights}": self.weights in ("int8", "int4"),
        }
        asked = [name for name, value in given.items() if value]
        if self.engine == "vllm" and asked:
            raise ValueError(
                f"{', '.join(asked)} with engine vllm, which has none of it here: leave it out, or set engine to torch"
            )
        return self

    @model_validator(mode="after")
    def _most_is_not_less_than_least(self) -> "ServingSpec":
        if not self.most_replicas:
            raise ValueError("replicas 0 without max_replicas: set max_replicas to 1 or more")
        if self.most_replicas < self.replicas:
            raise ValueError(
                f"max_replicas {self.max_replicas} is less than replicas {self.replicas}: raise it, lower replicas, or leave it out"
            )
        return self

    @property
    def most_replicas(self) -> int:
        """Copies at the highest load."""
        return self.replicas if self.max_replicas is None else self.max_replicas

    @property
    def keys_required(self) -> bool:
        """Whether a request needs an API key."""
        required = self.limits.require_keys
        return self.host not in ("127.0.0.1", "localhost", "::1") if required is None else required

    @property
    def accept_seconds(self) -> float:
        """How long a request waits for a copy to take it before 503 is answered: where there may be none, as long as one may
        take to start."""
        return 10.0 if self.replicas else self.start_timeout

    @property
    def base_url(self) -> str:
        """Where this machine reaches the endpoint."""
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    @property
    def engine_threads(self) -> int:
        """`threads`, or the processors asked for where more than one, or all of a small machine."""
        if self.threads:
            return self.threads
        if self.cpus_per_replica > 1:
            return int(self.cpus_per_replica)
        return max(1, min(4, (psutil.cpu_count(logical=False) or 1) // self.most_replicas))
