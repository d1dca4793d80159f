"""What the endpoint answers, for its OpenAPI document alone: answers are written by hand (shapes.py), for speed."""

from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Described(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(Described):
    message: str
    type: str
    param: str | None
    code: str | None


class Failure(Described):
    """Every error, whatever the path."""

    error: Problem


class PromptDetails(Described):
    cached_tokens: int


class Usage(Described):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class InputUsage(Described):
    prompt_tokens: int
    total_tokens: int


class Answer(Described):
    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    usage: Usage


class OtherToken(Described):
    token: str
    logprob: float | None
    bytes: list[int]


class ChatToken(OtherToken):
    top_logprobs: list[OtherToken]


class ChatLogprobs(Described):
    content: list[ChatToken]
    refusal: None


class CalledFunction(Described):
    name: str
    arguments: str


class Called(Described):
    id: str
    type: str
    function: CalledFunction


class ChatReply(Described):
    role: str
    content: str | None
    refusal: None
    tool_calls: list[Called] = []


class ChatChoice(Described):
    index: int
    message: ChatReply
    logprobs: ChatLogprobs | None
    finish_reason: str


class ChatAnswer(Answer):
    choices: list[ChatChoice]


class TokenLogprobs(Described):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(Described):
    index: int
    text: str
    logprobs: TokenLogprobs | None
    finish_reason: str


class CompletionAnswer(Answer):
    choices: list[CompletionChoice]


class ResponseAnswer(BaseModel):
    """OpenAI's response object."""

    id: str
    object: str
    created_at: int
    status: str
    model: str
    output: list[dict[str, JsonValue]]
    usage: dict[str, JsonValue]


class Tokenized(Described):
    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str]


class Detokenized(Described):
    prompt: str


class Score(TokenLogprobs):
    object: str
    index: int
    logprob: float


class Listed(Described):
    object: str
    model: str
    usage: InputUsage


class Scores(Listed):
    data: list[Score]


class Embedding(Described):
    object: str
    index: int
    embedding: list[float] | str


class Embeddings(Listed):
    data: list[Embedding]


class Filling(Described):
    token: int
    token_str: str
    score: float


class Filled(Described):
    object: str
    index: int
    masks: list[list[Filling]]


class FilledMasks(Listed):
    data: list[Filled]


class Label(Described):
    label: str
    score: float


class Classified(Described):
    object: str
    index: int
    label: str
    scores: list[Label]


class Classifications(Listed):
    data: list[Classified]


class ModelEntry(Described):
    id: str
    object: str
    created: int
    owned_by: str
    root: str
    parent: str | None
    revision: str
    fingerprint: str
    max_model_len: int


class ModelList(Described):
    object: str
    data: list[ModelEntry]


class FeedbackEntry(Described):
    id: str
    object: str
    created: int
    answer_id: str


class FileEntry(Described):
    id: str
    object: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str


class Page(Described):
    object: str
    has_more: bool
    first_id: str | None
    last_id: str | None


class FileList(Page):
    data: list[FileEntry]


class Deleted(Described):
    id: str
    object: str
    deleted: bool


class Counts(Described):
    total: int
    completed: int
    failed: int


class BatchEntry(BaseModel):
    """OpenAI's batch object."""

    id: str
    object: str
    endpoint: str
    errors: dict[str, JsonValue] | None
    input_file_id: str
    completion_window: str
    status: str
    output_file_id: str | None
    error_file_id: str | None
    request_counts: Counts
    metadata: dict[str, str] | None
    created_at: int
    expires_at: int


class BatchList(Page):
    data: list[BatchEntry]


def answers(whole: type[BaseModel] | None, streamed: bool = False) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` of a path: its answer, also as server-sent events where it can be streamed, and its errors. None: a file."""
    found: dict[int | str, dict[str, Any]] = {200: {"model": whole}, "4XX": {"model": Failure}, "5XX": {"model": Failure}}
    if whole is None:
        found[200] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    if streamed:
        found[200]["content"] = {"text/event-stream": {}}
    return found
