"""Every error a user can meet. A message is one line: what was given, what is allowed, what to do next.

Not for programming mistakes: those stay Python's own exceptions and keep their traceback.
"""

from typing import ClassVar


class HanlinError(Exception):
    """One plain line for a person.

    `exit_code` is what the command line exits with (2: the user can mend it, 1: the surroundings failed);
    `http_status` is what the gateway answers; `code` is the word a program can test.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, given: str, allowed: str = "", todo: str = "") -> None:
        self.given, self.allowed, self.todo = given, allowed, todo
        super().__init__(given, allowed, todo)  # all arguments, so that the error survives pickling between processes

    def __str__(self) -> str:
        return "; ".join(" ".join(part.split()) for part in (self.given, self.allowed, self.todo) if part)


class UserError(HanlinError):
    """Something the user gave is wrong and the user can mend it."""

    exit_code = 2
    http_status = 400
    code = "invalid_request"


class RecipeError(UserError):
    """The recipe file: unreadable, an unknown key, a wrong type, a value out of range."""

    code = "invalid_recipe"


class InputError(UserError):
    """A source of raw data: missing, unreadable, empty, or without what it must hold."""

    code = "invalid_input"


class ResourceError(UserError):
    """More processors, accelerators or memory asked for than the cluster has."""

    code = "not_enough_resources"


class AddressError(UserError):
    """A cluster, endpoint or port that cannot be reached or taken."""

    code = "address_unusable"


class TokenError(UserError):
    """A missing or refused authentication token. Never carries the token itself."""

    http_status = 401
    code = "invalid_token"


class DependencyError(UserError):
    """An optional package is not installed; the message names the pip line."""

    code = "package_missing"


class StorageError(HanlinError):
    """A URI that cannot be read or written: no such place, no permission, disk full."""

    code = "storage_failed"


class ArtifactError(HanlinError):
    """An artifact that does not exist, or whose bytes differ from its manifest."""

    code = "artifact_unusable"


class TrainingError(HanlinError):
    """Training ended without a model, although its last committed checkpoint stands."""

    code = "training_failed"


class LossError(TrainingError):
    """The loss is no longer a number: going on would spoil the weights."""

    code = "loss_not_finite"


class RequestError(UserError):
    """A request to the endpoint with a wrong type, field or value. `param` names the field."""

    code = "invalid_value"

    def __init__(self, given: str, allowed: str = "", todo: str = "", param: str = "") -> None:
        super().__init__(given, allowed, todo)
        self.param = param
        self.args = (given, allowed, todo, param)


class HeadTooLargeError(RequestError):
    """A request with more headers, or longer ones, than any client needs."""

    http_status = 431
    code = "headers_too_large"


class SlowRequestError(RequestError):
    """A request whose body stopped coming."""

    http_status = 408
    code = "request_timeout"


class ContextLengthError(RequestError):
    """A prompt, or prompt and answer together, longer than the model's context."""

    code = "context_length_exceeded"


class ModelNotFoundError(RequestError):
    """A request names a model that is not served."""

    http_status = 404
    code = "model_not_found"


class ApiKeyError(UserError):
    """A request without an API key, or with one that is unknown, expired or revoked. Never carries the key itself."""

    http_status = 401
    code = "invalid_api_key"


class ScopeError(UserError):
    """An API key that is good, but not for this."""

    http_status = 403
    code = "insufficient_permissions"


class MissingError(RequestError):
    """A request names a file or batch that is not there, or not the caller's."""

    http_status = 404
    code = "not_found"


class OverloadedError(HanlinError):
    """The endpoint has no free place for one more request; try again in `retry_seconds` (0: shortly)."""

    http_status = 429
    code = "overloaded"

    def __init__(self, given: str, allowed: str = "", todo: str = "", retry_seconds: float = 0.0) -> None:
        super().__init__(given, allowed, todo)
        self.retry_seconds = retry_seconds
        self.args = (given, allowed, todo, retry_seconds)


class UnavailableError(HanlinError):
    """The endpoint is starting, draining or has lost its replicas; try again shortly."""

    http_status = 503
    code = "unavailable"


class Interrupted(HanlinError):
    """The run was asked to stop and left a state from which it can go on."""

    exit_code = 130
    code = "interrupted"
