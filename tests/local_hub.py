"""A Hugging Face Hub on the loopback, for tests.

`LocalHub` serves the part of the Hub's HTTP interface that `huggingface_hub` needs to create repos, push and pull:
users and tokens, public, private and gated repos, commits, branches, tags, pull requests, and large files (LFS, in one
piece or in parts) on another origin. It can misbehave on command (`LocalHub.fail`) and writes down every request
(`LocalHub.log`), so that a test can ask what went over the wire.

    with LocalHub() as hub:
        hub.add_user("hf_alice", "alice")
        HfApi(endpoint=hub.url, token="hf_alice").create_repo("alice/model")
        hub.fail("GET", r"/resolve/main/config\\.json$", Status(503), times=2)

Three things a user of it must know:

- The client reads HF_ENDPOINT, HF_HOME and HF_HUB_DISABLE_XET when it is imported: set them before (see conftest.py).
- HF_HUB_DISABLE_XET=1 is a must: with hf_xet installed the client never falls back to the LFS uploads served here.
- The Hub is 127.0.0.1 and its storage is localhost, on one port: two origins, since the client reads a file's metadata
  off the redirect only where that leads to another origin, and there it must not send its token.
"""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import hashlib
import itertools
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

import uvicorn
import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

# From the .gitattributes that the Hub writes into a new repo: these go to large-file storage whatever their size.
LFS_SUFFIXES = ("bin", "ckpt", "h5", "npy", "npz", "onnx", "parquet", "pkl", "pt", "pth", "safetensors", "wasm", "zip")
GITATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES).encode()
LFS_ABOVE = 10 * 2**20  # bytes; larger files go to large-file storage whatever their name

TYPE_OF_KIND = {"models": "model", "datasets": "dataset", "spaces": "space"}  # as in a URL -> as in the client
FRONT_MATTER = re.compile(r"\s*---\r?\n(.*?)\r?\n---", re.DOTALL)


# ---- What a test can look at, and plan ----


@dataclass(frozen=True)
class LoggedRequest:
    """One request as it arrived."""

    method: str
    path: str  # as sent: a revision such as refs/pr/1 is percent-encoded
    host: str  # 127.0.0.1:port for the Hub, localhost:port for its storage
    authorized: bool  # whether there was an Authorization header, valid or not


@dataclass(frozen=True)
class Status:
    """Answer with a status, mostly that of an error, instead of doing the work."""

    code: int
    message: str = "injected by the test"
    error_code: str | None = None  # X-Error-Code: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo
    retry_after: int | None = None  # seconds


@dataclass(frozen=True)
class CutBody:
    """Promise the whole body by Content-Length, send the first `after` bytes, and close the connection."""

    after: int = 0


@dataclass(frozen=True)
class GarbageJson:
    """Answer with the right status and headers, and half a JSON document as the body."""

    body: bytes = b'{"half": ["a docu'


@dataclass(frozen=True)
class LongBody:
    """Follow the right body with filler, without a Content-Length: `length` bytes, or None for no end at all."""

    length: int | None = None


@dataclass(frozen=True)
class Meanwhile:
    """Answer as usual, and then let something happen on the Hub, such as the push of somebody else."""

    happens: Callable[[], object]


Action = Status | CutBody | GarbageJson | LongBody | Meanwhile


@dataclass
class Fault:
    """A planned misbehaviour: what it hits, what happens then, how often."""

    method: str
    path: re.Pattern[str]  # searched in the path as sent (percent-encoded, no query)
    action: Action
    times: int | None  # how many requests are still to be hit; None: every one until `LocalHub.clear`

    def hits(self, method: str, path: str) -> bool:
        """Whether this fault is to happen to a request; counts it if so."""
        if self.times == 0 or method != self.method or not self.path.search(path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


# ---- Repos ----


@dataclass(frozen=True)
class StoredFile:
    """A file of one commit: in git, or in large-file storage with a pointer in git."""

    content: bytes
    lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git holds in place of a large file."""
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {self.size}")
        return "".join(f"{line}\n" for line in lines).encode()

    @cached_property
    def git_oid(self) -> str:
        blob = self.pointer if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.git_oid

    @property
    def size(self) -> int:
        return len(self.content)

    def as_tree_entry(self, path: str) -> dict[str, Any]:
        """The file as the Hub's `tree` and `paths-info` describe it."""
        entry: dict[str, Any] = {"type": "file", "path": path, "size": self.size, "oid": self.git_oid}
        if self.lfs:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return entry

    def as_sibling(self, path: str) -> dict[str, Any]:
        """The file as the Hub's repo info with `blobs=1` describes it."""
        sibling: dict[str, Any] = {"rfilename": path, "size": self.size, "blobId": self.git_oid}
        if self.lfs:
            sibling["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return sibling


Tree = dict[str, StoredFile]


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    description: str
    author: str
    date: str
    tree: Tree


@dataclass
class Repo:
    """A repo with its whole history. `private` and `gated` may be set at any time."""

    id: str
    type: str = "model"
    private: bool = False
    gated: bool | str = False  # False, "auto" or "manual": the owner alone may download files
    sdk: str | None = None  # Spaces only
    branches: dict[str, str] = field(default_factory=dict)  # name -> sha, as the two below
    tags: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[str, str] = field(default_factory=dict)  # "refs/pr/1" -> sha
    storage: dict[str, bytes] = field(default_factory=dict, repr=False)  # sha256 -> bytes, shared by the whole hub

    def __post_init__(self) -> None:
        self.created_at = _now()
        self._commits: dict[str, Commit] = {}
        self.add_commit("main", {".gitattributes": StoredFile(GITATTRIBUTES, lfs=False)}, "initial commit")

    @property
    def owner(self) -> str:
        return self.id.split("/")[0]

    @property
    def commits(self) -> list[Commit]:
        """The history of `main`, newest first, down to the Hub's own "initial commit"."""
        return self.history("main")

    def history(self, revision: str) -> list[Commit]:
        """The commits behind a revision, newest first."""
        commits = [self.commit(revision)]
        while commits[-1].parent:
            commits.append(self._commits[commits[-1].parent])
        return commits

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Path -> content of every file at a branch, tag, pull request ("refs/pr/1") or commit."""
        return {path: file.content for path, file in self.commit(revision).tree.items()}

    def commit(self, revision: str) -> Commit:
        """The commit that a revision names. Raises KeyError for one that does not exist."""
        for names in (self.branches, self.tags, self.pull_requests):
            if revision in names:
                return self._commits[names[revision]]
        return self._commits[revision]

    def push(self, files: dict[str, bytes | None], title: str = "push", branch: str = "main") -> Commit:
        """Write files (None deletes one) straight onto a branch, past the HTTP interface."""
        tree = dict(self.commit(branch).tree)
        for path, content in files.items():
            if content is None:
                del tree[path]
            else:
                tree[path] = StoredFile(content, lfs=self.is_lfs(path, len(content), tree))
        return self.add_commit(branch, tree, title)

    def add_commit(
        self,
        ref: str,
        tree: Tree,
        title: str,
        description: str = "",
        author: str | None = None,
        parent: str | None = None,
    ) -> Commit:
        """Put a commit on a branch or pull request; `parent` defaults to what the ref pointed to."""
        refs = self.pull_requests if ref.startswith("refs/pr/") else self.branches
        parent = parent or refs.get(ref)
        identity = json.dumps([self.id, parent, title, len(self._commits), sorted(tree)])
        sha = hashlib.sha1(identity.encode()).hexdigest()
        self._commits[sha] = Commit(sha, parent, title, description, author or self.owner, _now(), tree)
        self.storage.update({file.sha256: file.content for file in tree.values() if file.lfs})
        refs[ref] = sha
        return self._commits[sha]

    @staticmethod
    def is_lfs(path: str, size: int, tree: Tree) -> bool:
        """Whether the Hub would put a file into large-file storage."""
        attributes = tree[".gitattributes"].content.decode() if ".gitattributes" in tree else ""
        patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]
        name = path.rsplit("/", 1)[-1]
        return size > LFS_ABOVE or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


# ---- The server ----


class LocalHub:
    """The Hub on a free port of the loopback, served by a thread between `start` and `stop`.

    The port is chosen at once and stays reserved until `close`, so that the address is known before the start, and a
    stopped hub refuses connections and can be started again in the same place. All state is kept over a stop.
    """

    def __init__(self) -> None:
        self._socket = _bind(0)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.storage_url = f"http://localhost:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.clear()

    @cached_property
    def key(self) -> Any:
        """With which it signs who somebody is."""
        from joserfc.jwk import RSAKey

        return RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})

    def clear(self) -> None:
        """Forget everything: users, repos, stored files, planned faults, the log."""
        self.users: dict[str, str] = {}  # token -> name
        self.repos: dict[tuple[str, str], Repo] = {}  # (type, id) -> repo
        self.storage: dict[str, bytes] = {}  # sha256 -> content of large files
        self.upload_parts: dict[str, dict[int, bytes]] = {}  # sha256 -> part number -> bytes of unfinished uploads
        self.faults: list[Fault] = []
        self.log: list[LoggedRequest] = []
        self.logins: dict[str, str | None] = {}  # token -> what the page that wants it must find in the answer
        self.multipart_above = 2**40  # bytes; larger files are uploaded in parts
        self.part_size = 2**20

    def add_user(self, token: str, name: str) -> None:
        """Let `token` act as the user `name`, with write access to the repos `name/...`. A user may have several."""
        self.users[token] = name

    def add_repo(
        self, repo_id: str, files: dict[str, bytes] | None = None, *, type: str = "model", private: bool = False
    ) -> Repo:
        """Create a repo, and push `files` to it, without any request."""
        repo = Repo(repo_id, type, private, storage=self.storage)
        self.repos[type, repo_id] = repo
        if files:
            repo.push(files)
        return repo

    def repo(self, repo_id: str, type: str = "model") -> Repo:
        """The repo of that name. Raises KeyError if there is none."""
        return self.repos[type, repo_id]

    def fail(self, method: str, path: str, action: Action, times: int | None = 1) -> Fault:
        """Plan a misbehaviour for the next `times` requests (None: for all) of a method whose path `path` is found in.

        `path` is a regular expression, searched in the percent-encoded path. Large files are downloaded from
        /_storage/<sha256>/<file name>, all others from /<repo>/resolve/<revision>/<path>. The first planned fault that
        fits a request is the one that happens to it.
        """
        fault = Fault(method, re.compile(path), action, times)
        self.faults.append(fault)
        return fault

    def requests(self, method: str = "", path: str = "") -> list[LoggedRequest]:
        """The logged requests of a method (all, if empty) in whose path the regular expression `path` is found."""
        return [entry for entry in self.log if method in ("", entry.method) and re.search(path, entry.path)]

    def start(self) -> LocalHub:
        """Serve, and return once connections are accepted."""
        accepting = threading.Event()
        config = uvicorn.Config(
            _Endpoints(self),
            http="h11",  # the one implementation whose way to close a half-sent answer `CutBody` relies on
            log_config=None,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config, accepting)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="local-hub", daemon=True
        )
        self._thread.start()
        if not accepting.wait(timeout=30):
            raise RuntimeError("the local hub did not start")
        return self

    def stop(self) -> None:
        """Stop serving: from now on connections to the port are refused."""
        if self._server is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None
        self._socket = _bind(self.port)

    def close(self) -> None:
        """Stop serving and give the port back."""
        self.stop()
        self._socket.close()

    @property
    def stopping(self) -> bool:
        return self._server is None or self._server.should_exit

    def __enter__(self) -> LocalHub:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Server(uvicorn.Server):
    """A uvicorn server that says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, accepting: threading.Event) -> None:
        super().__init__(config)
        self._accepting = accepting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._accepting.set()


def _bind(port: int) -> socket.socket:
    """A socket that reserves a port of the loopback (0: any free one); it accepts nothing before a server listens."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


# ---- Faults on the wire ----


class _CutResponse(Response):
    """Sends the head of a response and the first bytes of its body; the server then closes the connection."""

    def __init__(self, whole: Response, after: int) -> None:
        super().__init__(whole.body, whole.status_code)
        self.raw_headers = whole.raw_headers
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: self._after], "more_body": True})


def _misbehave(response: Response, action: CutBody | GarbageJson | LongBody | Meanwhile, hub: LocalHub) -> Response:
    """The response as the planned action leaves it."""
    if isinstance(action, Meanwhile):
        action.happens()
        return response
    if isinstance(action, CutBody):
        return _CutResponse(response, action.after)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    if isinstance(action, GarbageJson):
        return Response(action.body, response.status_code, headers)
    return StreamingResponse(_padded(response.body, action.length, hub), response.status_code, headers)


async def _padded(body: bytes, length: int | None, hub: LocalHub) -> AsyncIterator[bytes]:
    yield body
    block = 2**16
    for sent in itertools.count(0, block):
        if hub.stopping or (length is not None and sent >= length):
            return
        yield b" " * (block if length is None else min(block, length - sent))
        if length is None:
            await asyncio.sleep(0.01)  # about 6 MB a second: endless, and yet no full disk while a test waits


# ---- The HTTP interface ----


class _Refusal(Exception):
    """An error answer in the Hub's way: the client tells errors apart by the X-Error-Code header."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | headers
        self.response = JSONResponse({"error": message}, status, self.headers)


Handler = Callable[..., Awaitable[Response]]
_ROUTES: list[tuple[list[str], re.Pattern[str], Handler]] = []
_API = "/api/(?P<kind>models|datasets|spaces)"
_API_REPO = _API + "/(?P<repo_id>[^/]+/[^/]+)"
_WEB_REPO = "/(?:(?P<kind>datasets|spaces)/)?(?P<repo_id>[^/]+/[^/]+)"
_OID = "(?P<oid>[0-9a-f]{64})"


def _route(methods: str, path: str) -> Callable[[Handler], Handler]:
    """Register a handler: space-separated methods, and a regular expression for the whole percent-encoded path."""

    def register(handler: Handler) -> Handler:
        _ROUTES.append((methods.split(), re.compile(path), handler))
        return handler

    return register


class _Endpoints:
    """The ASGI application. Every handler gets the request and the named groups of its path, decoded."""

    def __init__(self, hub: LocalHub) -> None:
        self.hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Even a request that is to be refused: unread bytes of an upload would be taken for the next request.
        await request.body()
        # Not the decoded path: there the revision refs%2Fpr%2F1 would look like three folders.
        path = scope["raw_path"].decode()
        self.hub.log.append(
            LoggedRequest(
                request.method,
                path,
                request.headers.get("host", ""),
                "authorization" in request.headers,
            )
        )
        fault = next((fault for fault in self.hub.faults if fault.hits(request.method, path)), None)
        try:
            if fault and isinstance(fault.action, Status):
                response = self._error(fault.action)
            else:
                response = await self._answer(request, path)
                if fault:
                    response = _misbehave(response, fault.action, self.hub)
        except _Refusal as refusal:
            response = refusal.response
        await response(scope, receive, send)

    @staticmethod
    def _error(action: Status) -> Response:
        headers = {} if action.retry_after is None else {"Retry-After": str(action.retry_after)}
        return _Refusal(action.code, action.message, action.error_code, **headers).response

    async def _answer(self, request: Request, path: str) -> Response:
        for methods, pattern, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match and request.method in methods:
                arguments = {name: unquote(value or "") for name, value in match.groupdict().items()}
                return await handler(self, request, **arguments)
        raise _Refusal(404, f"the local hub does not serve {request.method} {path}")

    # -- Who may do what --

    def _user(self, request: Request) -> str | None:
        """The user behind the request's token; None without one."""
        if "authorization" not in request.headers:
            return None
        token = request.headers["authorization"].removeprefix("Bearer ").strip()
        if token not in self.hub.users:
            # The very words by which the client tells a bad token from a missing repo.
            raise _Refusal(401, "Invalid credentials in Authorization header")
        return self.hub.users[token]

    def _signed_in(self, request: Request) -> str:
        user = self._user(request)
        if user is None:
            raise _Refusal(401, "Invalid username or password.")
        return user

    def _readable(self, request: Request, kind: str, repo_id: str) -> Repo:
        user = self._user(request)
        repo = self.hub.repos.get((TYPE_OF_KIND[kind or "models"], repo_id))
        if repo is None or (repo.private and user != repo.owner):
            raise _Refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        return repo

    def _writable(self, request: Request, kind: str, repo_id: str) -> Repo:
        repo = self._readable(request, kind, repo_id)
        if self._signed_in(request) != repo.owner:
            raise _Refusal(403, "Forbidden: you must have write access to this repository")
        return repo

    def _open_to_change(self, request: Request, kind: str, repo_id: str) -> Repo:
        """The repo, for a commit or the preparation of one: whoever can read it may open a pull request."""
        if request.query_params.get("create_pr"):
            self._signed_in(request)
            return self._readable(request, kind, repo_id)
        return self._writable(request, kind, repo_id)

    def _check_gate(self, request: Request, repo: Repo) -> None:
        user = self._user(request)
        if repo.gated and user != repo.owner:
            raise _Refusal(403 if user else 401, f"Access to {repo.type} {repo.id} is restricted.", "GatedRepo")

    @staticmethod
    def _commit_at(repo: Repo, revision: str) -> Commit:
        try:
            return repo.commit(revision)
        except KeyError:
            raise _Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound") from None

    # -- Users and repos --

    @_route("GET", "/api/whoami-v2")
    async def whoami(self, request: Request) -> Response:
        user = self._signed_in(request)
        return JSONResponse(
            {
                "type": "user",
                "id": user,
                "name": user,
                "fullname": user.title(),
                "email": None,
                "isPro": False,
                "canPay": False,
                "avatarUrl": "/avatars/user.svg",
                "orgs": [],
                "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}},
            }
        )

    # -- Logging in through the browser (OpenID Connect): the page is told that alice, or who is there, agrees --

    @_route("GET", r"/\.well-known/openid-configuration")
    async def openid_configuration(self, request: Request) -> Response:
        pages = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return JSONResponse(
            {
                "issuer": self.hub.url,
                **{name: f"{self.hub.url}/oauth/{page}" for name, page in pages.items()},
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    @_route("GET", "/oauth/authorize")
    async def authorize(self, request: Request) -> Response:
        asked = request.query_params
        token = next(iter(self.hub.users))
        self.hub.logins[token] = asked.get("nonce")
        separator = "&" if "?" in asked["redirect_uri"] else "?"
        return RedirectResponse(
            f"{asked['redirect_uri']}{separator}{urlencode({'code': token, 'state': asked['state']})}"
        )

    @_route("POST", "/oauth/token")
    async def exchange(self, request: Request) -> Response:
        token = parse_qs((await request.body()).decode())["code"][0]
        user, now = self.hub.users[token], int(time.time())
        claims = {"iss": self.hub.url, "sub": user, "iat": now, "exp": now + 3600, "nonce": self.hub.logins.pop(token)}
        claims |= {"name": user.title(), "preferred_username": user, "profile": f"{self.hub.url}/{user}"}
        client = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().split(":")[0]
        claims |= {"aud": client, "picture": f"{self.hub.url}/avatars/user.svg"}
        from joserfc import jwt

        signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.hub.key)
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": 3600, "scope": "openid", "id_token": signed}
        )

    @_route("GET", "/oauth/jwks")
    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.hub.key.as_dict(private=False)]})

    @_route("POST", "/api/validate-yaml")
    async def validate_yaml(self, request: Request) -> Response:
        """Checks a card's front matter; the client asks before each commit that holds a README.md."""
        content = (await request.json())["content"]
        try:
            card = _front_matter(content)
        except yaml.YAMLError as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
        if not card:
            warning = "empty or missing yaml metadata in repo card"
            return JSONResponse({"errors": [], "warnings": [{"message": warning}]})
        if not isinstance(card.get("license", ""), str | list):
            return JSONResponse({"errors": [{"message": '"license" must be a string'}], "warnings": []}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    @_route("POST", "/api/repos/create")
    async def create_repo(self, request: Request) -> Response:
        user = self._signed_in(request)
        body = await request.json()
        repo_type = body.get("type", "model")
        repo_id = f"{body.get('organization') or user}/{body['name']}"
        if repo_id.split("/")[0] != user:
            raise _Refusal(403, f"You don't have the rights to create a {repo_type} under this namespace")
        url = self._web_url(repo_type, repo_id)
        if (repo_type, repo_id) in self.hub.repos:
            return JSONResponse({"error": f"You already created this {repo_type} repo", "url": url}, 409)
        private = body.get("visibility") == "private"
        repo = self.hub.add_repo(repo_id, type=repo_type, private=private)
        repo.sdk = body.get("sdk")
        return JSONResponse({"url": url, "name": repo_id, "id": repo_id})

    @_route("DELETE", "/api/repos/delete")
    async def delete_repo(self, request: Request) -> Response:
        body = await request.json()
        repo_type = body.get("type", "model")
        repo_id = f"{body.get('organization') or self._signed_in(request)}/{body['name']}"
        repo = self._writable(request, f"{repo_type}s", repo_id)
        del self.hub.repos[repo.type, repo.id]
        return Response("OK")

    @_route("PUT", _API_REPO + "/settings")
    async def change_settings(self, request: Request, kind: str, repo_id: str) -> Response:
        repo = self._writable(request, kind, repo_id)
        body = await request.json()
        if "visibility" in body:
            repo.private = body["visibility"] == "private"
        if "gated" in body:
            repo.gated = body["gated"]
        return JSONResponse({})

    @_route("GET", _API_REPO + "/auth-check(?P<write>/write)?")
    async def check_access(self, request: Request, kind: str, repo_id: str, write: str) -> Response:
        repo = self._writable(request, kind, repo_id) if write else self._readable(request, kind, repo_id)
        self._check_gate(request, repo)
        return Response("OK")

    @_route("GET", _API)
    async def list_repos(self, request: Request, kind: str) -> Response:
        user = self._user(request)
        search = request.query_params.get("search", "")
        author = request.query_params.get("author")
        return JSONResponse(
            [
                {"id": repo.id, "modelId": repo.id, "private": repo.private, "tags": [], "createdAt": repo.created_at}
                for repo in self.hub.repos.values()
                if repo.type == TYPE_OF_KIND[kind]
                and search in repo.id
                and author in (None, repo.owner)
                and (not repo.private or user == repo.owner)
            ]
        )

    def _web_url(self, repo_type: str, repo_id: str) -> str:
        return f"{self.hub.url}/{repo_id}" if repo_type == "model" else f"{self.hub.url}/{repo_type}s/{repo_id}"

    # -- Reading --

    @_route("GET", _API_REPO + "(?:/revision/(?P<revision>[^/]+))?")
    async def repo_info(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        repo = self._readable(request, kind, repo_id)
        commit = self._commit_at(repo, revision or "main")
        readme = commit.tree.get("README.md")
        card = _front_matter(readme.content.decode()) if readme else {}
        files = sorted(commit.tree.items())
        if request.query_params.get("blobs"):
            siblings = [file.as_sibling(path) for path, file in files]
        else:
            siblings = [{"rfilename": path} for path, _ in files]
        return JSONResponse(
            {
                "_id": "0",
                "id": repo.id,
                "modelId": repo.id,
                "author": repo.owner,
                "sha": commit.sha,
                "private": repo.private,
                "gated": repo.gated,
                "disabled": False,
                "downloads": 0,
                "likes": 0,
                "tags": card.get("tags", []),
                "createdAt": repo.created_at,
                "lastModified": commit.date,
                "siblings": siblings,
                "cardData": card,
                "library_name": card.get("library_name"),
                "pipeline_tag": card.get("pipeline_tag"),
                "spaces": [],
                "sdk": repo.sdk,
            }
        )

    @_route("GET", _API_REPO + "/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?")
    async def list_tree(self, request: Request, kind: str, repo_id: str, revision: str, folder: str) -> Response:
        repo = self._readable(request, kind, repo_id)
        tree = self._commit_at(repo, revision).tree
        recursive = request.query_params.get("recursive", "").lower() in ("1", "true")
        prefix = f"{folder.strip('/')}/" if folder else ""
        entries: dict[str, dict[str, Any]] = {}
        for path, file in sorted(tree.items()):
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                parent = prefix + "/".join(parts[:depth])
                entries.setdefault(parent, _folder_entry(parent))
            if recursive or len(parts) == 1:
                entries[path] = file.as_tree_entry(path)
        if folder and not entries:
            raise _Refusal(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        return JSONResponse(list(entries.values()))

    @_route("POST", _API_REPO + "/paths-info/(?P<revision>[^/]+)")
    async def paths_info(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        repo = self._readable(request, kind, repo_id)
        tree = self._commit_at(repo, revision).tree
        paths = [path.rstrip("/") for path in (await request.form()).getlist("paths")]
        files = [tree[path].as_tree_entry(path) for path in paths if path in tree]
        folders = [_folder_entry(path) for path in paths if any(name.startswith(f"{path}/") for name in tree)]
        return JSONResponse(files + folders)

    @_route("GET", _API_REPO + "/refs")
    async def list_refs(self, request: Request, kind: str, repo_id: str) -> Response:
        repo = self._readable(request, kind, repo_id)

        def describe(refs: dict[str, str], prefix: str = "") -> list[dict[str, str]]:
            return [{"name": name, "ref": prefix + name, "targetCommit": sha} for name, sha in refs.items()]

        return JSONResponse(
            {
                "branches": describe(repo.branches, "refs/heads/"),
                "tags": describe(repo.tags, "refs/tags/"),
                "converts": [],
                "pullRequests": describe(repo.pull_requests),
            }
        )

    @_route("GET", _API_REPO + "/commits/(?P<revision>[^/]+)")
    async def list_commits(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        repo = self._readable(request, kind, repo_id)
        return JSONResponse(
            [
                {
                    "id": commit.sha,
                    "title": commit.title,
                    "message": commit.description,
                    "authors": [{"user": commit.author}],
                    "date": commit.date,
                }
                for commit in repo.history(self._commit_at(repo, revision).sha)
            ]
        )

    @_route("GET HEAD", _WEB_REPO + "/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
    async def resolve(self, request: Request, kind: str, repo_id: str, revision: str, path: str) -> Response:
        """A file: small ones as they are, large ones by a redirect that carries the metadata."""
        repo = self._readable(request, kind, repo_id)
        self._check_gate(request, repo)
        commit = self._commit_at(repo, revision)
        file = commit.tree.get(path)
        if file is None:
            raise _Refusal(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": commit.sha})
        headers = {"X-Repo-Commit": commit.sha}
        if not file.lfs:
            return _ranged(request, file.content, headers | {"ETag": f'"{file.etag}"'})
        name = path.rsplit("/", 1)[-1]
        headers["Location"] = f"{self.hub.storage_url}/_storage/{file.sha256}/{name}?signature=1"
        headers["X-Linked-Etag"] = f'"{file.etag}"'
        headers["X-Linked-Size"] = str(file.size)
        return Response(status_code=302, headers=headers)

    # -- Writing --

    @_route("POST DELETE", _API_REPO + "/branch/(?P<branch>[^/]+)")
    async def change_branch(self, request: Request, kind: str, repo_id: str, branch: str) -> Response:
        repo = self._writable(request, kind, repo_id)
        if branch.startswith("refs/"):
            raise _Refusal(400, f"Invalid reference for a branch: {branch}")
        start = await self._json_or_empty(request)
        return self._change_ref(request.method, repo, repo.branches, branch, start.get("startingPoint", "main"))

    @_route("POST DELETE", _API_REPO + "/tag/(?P<name>[^/]+)")
    async def change_tag(self, request: Request, kind: str, repo_id: str, name: str) -> Response:
        """The path names the tag to delete, or the revision that the tag in the body is to point to."""
        repo = self._writable(request, kind, repo_id)
        body = await self._json_or_empty(request)
        return self._change_ref(request.method, repo, repo.tags, body.get("tag", name), name)

    def _change_ref(self, method: str, repo: Repo, refs: dict[str, str], name: str, target: str) -> Response:
        if method == "DELETE":
            if name not in refs:
                raise _Refusal(404, f"Invalid rev id: {name}", "RevisionNotFound")
            del refs[name]
            return Response()
        if name in refs:
            raise _Refusal(409, f"Reference already exists: {name}")
        refs[name] = self._commit_at(repo, target).sha
        return Response(status_code=201)

    @staticmethod
    async def _json_or_empty(request: Request) -> dict[str, Any]:
        return json.loads(await request.body() or b"{}")

    @_route("POST", _API_REPO + "/preupload/(?P<revision>[^/]+)")
    async def preupload(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        """How each file is to be uploaded, and what is there now: the client leaves out what has not changed."""
        repo = self._open_to_change(request, kind, repo_id)
        tree = self._commit_at(repo, revision).tree
        plans = []
        for file in (await request.json())["files"]:
            path = file["path"]
            mode = "lfs" if repo.is_lfs(path, file["size"], tree) else "regular"
            plan = {"path": path, "uploadMode": mode, "shouldIgnore": False}
            if path in tree:
                plan["oid"] = tree[path].etag
            plans.append(plan)
        return JSONResponse({"files": plans})

    @_route("POST", _API_REPO + "/commit/(?P<revision>[^/]+)")
    async def create_commit(self, request: Request, kind: str, repo_id: str, revision: str) -> Response:
        repo = self._open_to_change(request, kind, repo_id)
        operations = [json.loads(line) for line in (await request.body()).splitlines() if line.strip()]
        head = self._commit_at(repo, revision)
        header = next(operation["value"] for operation in operations if operation["key"] == "header")
        opens_pull_request = bool(request.query_params.get("create_pr"))
        if opens_pull_request:
            revision = f"refs/pr/{len(repo.pull_requests) + 1}"
        elif revision not in repo.branches and revision not in repo.pull_requests:
            raise _Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        elif header.get("parentCommit", head.sha) != head.sha:
            raise _Refusal(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for operation in operations:
            self._apply(operation["key"], operation["value"], tree)
        author = self._signed_in(request)
        commit = repo.add_commit(revision, tree, header["summary"], header["description"], author, parent=head.sha)
        repo_url = self._web_url(repo.type, repo.id)
        answer = {"success": True, "commitOid": commit.sha, "commitUrl": f"{repo_url}/commit/{commit.sha}"}
        if opens_pull_request:
            answer["pullRequestUrl"] = f"{repo_url}/discussions/{len(repo.pull_requests)}"
        return JSONResponse(answer)

    def _apply(self, operation: str, value: dict[str, Any], tree: Tree) -> None:
        """Carry out one line of a commit on the tree."""
        if operation == "header":
            return
        path = value["path"]
        if operation == "file":
            tree[path] = StoredFile(base64.b64decode(value["content"]), lfs=False)
        elif operation == "lfsFile":
            if value["oid"] not in self.hub.storage:
                raise _Refusal(400, f"LFS pointer pointed to a file that does not exist: {value['oid']}")
            tree[path] = StoredFile(self.hub.storage[value["oid"]], lfs=True)
        elif operation == "deletedFile":
            if path not in tree:
                raise _Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
            del tree[path]
        elif operation == "deletedFolder":
            for name in [name for name in tree if name.startswith(f"{path.rstrip('/')}/")]:
                del tree[name]
        else:
            raise _Refusal(400, f"the local hub does not know the commit operation {operation}")

    # -- Large files: the Git LFS batch interface, and the storage behind it --

    @_route("POST", _WEB_REPO + r"\.git/info/lfs/objects/batch")
    async def lfs_batch(self, request: Request, kind: str, repo_id: str) -> Response:
        body = await request.json()
        # Uploads for a pull request name no ref, and need no right to write.
        if "ref" in body:
            self._writable(request, kind, repo_id)
        else:
            self._signed_in(request)
            self._readable(request, kind, repo_id)
        in_parts = False
        objects = []
        for wanted in body["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            answer = {"oid": oid, "size": size}
            if oid not in self.hub.storage:
                upload_in_parts = size > self.hub.multipart_above
                in_parts |= upload_in_parts
                upload = self._parts_upload(oid, size) if upload_in_parts else self._single_upload(oid)
                answer["actions"] = {"upload": upload, "verify": {"href": f"{self.hub.url}/_lfs/verify"}}
            objects.append(answer)
        return JSONResponse(
            {"transfer": "multipart" if in_parts else "basic", "objects": objects},
            media_type="application/vnd.git-lfs+json",
        )

    def _single_upload(self, oid: str) -> dict[str, Any]:
        return {"href": f"{self.hub.storage_url}/_storage/{oid}"}

    def _parts_upload(self, oid: str, size: int) -> dict[str, Any]:
        self.hub.upload_parts[oid] = {}
        count = -(-size // self.hub.part_size)
        urls = {f"{n:05d}": f"{self.hub.storage_url}/_storage/{oid}/part/{n}" for n in range(1, count + 1)}
        header = {"chunk_size": str(self.hub.part_size)} | urls
        return {"href": f"{self.hub.url}/_lfs/complete/{oid}", "header": header}

    @_route("POST", "/_lfs/complete/" + _OID)
    async def complete_upload(self, request: Request, oid: str) -> Response:
        parts = self.hub.upload_parts.pop(oid)
        announced = [part["partNumber"] for part in (await request.json())["parts"]]
        if announced != sorted(parts):
            raise _Refusal(400, f"parts {announced} announced, {sorted(parts)} uploaded")
        return self._store(oid, b"".join(parts[number] for number in announced))

    @_route("POST", "/_lfs/verify")
    async def verify_upload(self, request: Request) -> Response:
        body = await request.json()
        if len(self.hub.storage.get(body["oid"], b"")) != body["size"]:
            raise _Refusal(404, "the uploaded file is not there, or has another size")
        return JSONResponse({"verified": True})

    @_route("PUT", "/_storage/" + _OID)
    async def upload(self, request: Request, oid: str) -> Response:
        self._check_no_credentials(request)
        return self._store(oid, await request.body())

    @_route("PUT", "/_storage/" + _OID + r"/part/(?P<number>\d+)")
    async def upload_part(self, request: Request, oid: str, number: str) -> Response:
        self._check_no_credentials(request)
        self.hub.upload_parts[oid][int(number)] = await request.body()
        return Response(headers={"ETag": f'"{number}"'})

    @_route("GET HEAD", "/_storage/" + _OID + "/(?P<name>[^/]+)")
    async def download(self, request: Request, oid: str, name: str) -> Response:
        self._check_no_credentials(request)
        return _ranged(request, self.hub.storage[oid], {"ETag": f'"{oid}"'})

    def _store(self, oid: str, content: bytes) -> Response:
        if hashlib.sha256(content).hexdigest() != oid:
            raise _Refusal(400, "the uploaded bytes do not match their sha256")
        self.hub.storage[oid] = content
        return JSONResponse({"stored": True}, headers={"ETag": f'"{oid}"'})

    @staticmethod
    def _check_no_credentials(request: Request) -> None:
        """Signed storage addresses need no token; one that arrives here has leaked to a third party."""
        if "authorization" in request.headers:
            raise _Refusal(400, "a token was sent to the storage")


def _folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}


def _front_matter(readme: str) -> dict[str, Any]:
    """The YAML at the head of a card, {} where there is none."""
    match = FRONT_MATTER.match(readme)
    return (yaml.safe_load(match[1]) or {}) if match else {}


def _ranged(request: Request, content: bytes, headers: dict[str, str]) -> Response:
    """The content, or the part of it that a Range header asks for."""
    headers = headers | {"Accept-Ranges": "bytes"}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not wanted:
        return Response(content, headers=headers, media_type="application/octet-stream")
    first = int(wanted[1])
    last = min(int(wanted[2] or len(content)), len(content) - 1)
    if first >= len(content):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers, media_type="application/octet-stream")
