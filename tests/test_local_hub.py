"""The test double of the Hub, exercised by the real client: what other tests may rely on."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    CommitScheduler,
    HfApi,
    constants,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from local_hub import CutBody, GarbageJson, LocalHub, LongBody, Meanwhile, Status
from safetensors.numpy import save

ALICE = "hf_alice"
BOB = "hf_bob"
REPO = "alice/model"
WEIGHTS = save({"weight": np.arange(300_000, dtype=np.float32)})


@pytest.fixture
def api(hub):
    """Alice's client, and her repo with a small and a large file."""
    hub.add_repo(REPO, {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS})
    return HfApi(token=ALICE)


@pytest.fixture
def naps(monkeypatch):
    """Makes the client's waiting between its retries take no time; the list of what it would have waited."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


def download(file="model.safetensors", **options):
    return Path(hf_hub_download(REPO, file, **options)).read_bytes()


# ---- users and repos ----


def test_tokens_name_their_users(hub):
    hub.add_user("hf_second", "alice")
    assert HfApi().whoami(token=ALICE)["name"] == HfApi().whoami(token="hf_second")["name"] == "alice"
    assert HfApi().whoami(token=BOB)["name"] == "bob"
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi().whoami(token="hf_nobody")
    assert caught.value.response.status_code == 401


def test_repos_are_created_listed_changed_and_deleted(hub):
    api = HfApi(token=ALICE)
    url = api.create_repo("alice/new", private=True)
    assert (url.repo_id, url.repo_type) == ("alice/new", "model")
    assert hub.repo("alice/new").private
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("alice/new")
    assert caught.value.response.status_code == 409
    assert api.create_repo("alice/new", exist_ok=True) == url
    assert [model.id for model in api.list_models(author="alice")] == ["alice/new"]
    assert list(HfApi().list_models(author="alice", token=BOB)) == []
    api.update_repo_settings("alice/new", private=False, gated="auto")
    assert (hub.repo("alice/new").private, hub.repo("alice/new").gated) == (False, "auto")
    api.delete_repo("alice/new")
    assert not api.repo_exists("alice/new")


@pytest.mark.parametrize("repo_type", ["dataset", "space"])
def test_datasets_and_spaces_are_kept_apart_from_models(api, hub, repo_type):
    api.create_repo(REPO, repo_type=repo_type, space_sdk="static" if repo_type == "space" else None)
    commit = api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id=REPO, repo_type=repo_type)
    assert commit.repo_url.repo_type == repo_type
    assert hub.repo(REPO, repo_type).files()["a.txt"] == b"x"
    assert "a.txt" not in hub.repo(REPO).files()
    assert download("a.txt", repo_type=repo_type) == b"x"


def test_nobody_creates_repos_or_writes_in_the_name_of_another(api):
    bob = HfApi(token=BOB)
    for attempt in (
        lambda: bob.create_repo("alice/new"),
        lambda: bob.upload_file(path_or_fileobj=b"x", path_in_repo="a", repo_id=REPO),
        lambda: bob.create_tag(REPO, tag="v1"),
        lambda: bob.auth_check(REPO, write=True),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            attempt()
        assert caught.value.response.status_code == 403


def test_private_repos_do_not_exist_for_others(api, hub):
    hub.repo(REPO).private = True
    for token in (BOB, False):
        with pytest.raises(RepositoryNotFoundError):
            download(token=token)
    assert download(token=ALICE) == WEIGHTS


def test_gated_repos_show_their_listing_but_not_their_files(api, hub):
    hub.repo(REPO).gated = "manual"
    assert HfApi().model_info(REPO).gated == "manual"
    for token in (BOB, False):
        with pytest.raises(GatedRepoError):
            download(token=token)
    assert download(token=ALICE) == WEIGHTS


# ---- pushing ----


@pytest.mark.parametrize("part_size", [None, 2**18])
def test_a_folder_is_pushed_by_lfs_whole_or_in_parts(hub, tmp_path, part_size):
    if part_size:
        hub.multipart_above = hub.part_size = part_size
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    (tmp_path / "config.json").write_text("{}")
    api = HfApi(token=ALICE)
    api.create_repo(REPO)
    commit = api.upload_folder(folder_path=tmp_path, repo_id=REPO, commit_message="first", commit_description="why")
    files = hub.repo(REPO).files()
    assert (files["model.safetensors"], files["config.json"]) == (WEIGHTS, b"{}")
    newest = hub.repo(REPO).commits[0]
    assert (newest.sha, newest.title, newest.description, newest.author) == (commit.oid, "first", "why", "alice")
    uploads = hub.requests("PUT", "^/_storage/")
    assert len(uploads) == (-(-len(WEIGHTS) // part_size) if part_size else 1)
    assert not any(upload.authorized for upload in uploads)
    assert {upload.host for upload in uploads} == {hub.storage_url.removeprefix("http://")}


def test_what_has_not_changed_makes_no_commit(api, hub):
    before = hub.repo(REPO).commits
    additions = [CommitOperationAdd("model.safetensors", WEIGHTS), CommitOperationAdd("config.json", b'{"a": 1}')]
    assert api.create_commit(REPO, additions, commit_message="again").oid == before[0].sha
    assert hub.repo(REPO).commits == before
    assert not hub.requests("PUT") and not hub.requests("POST", "/commit/")


def test_files_and_folders_are_deleted(api, hub):
    hub.repo(REPO).push({"old/a": b"a", "old/b/c": b"c", "keep": b"k"})
    deletions = [CommitOperationDelete("old/", is_folder=True), CommitOperationDelete("config.json")]
    api.create_commit(REPO, deletions, commit_message="tidy")
    assert sorted(hub.repo(REPO).files()) == [".gitattributes", "keep", "model.safetensors"]
    with pytest.raises(RemoteEntryNotFoundError):
        api.delete_file("config.json", REPO)


def test_a_commit_on_an_outdated_parent_conflicts(api, hub):
    parent = hub.repo(REPO).commits[0].sha
    hub.repo(REPO).push({"a": b"meanwhile"})
    with pytest.raises(HfHubHTTPError) as caught:
        api.upload_file(path_or_fileobj=b"late", path_in_repo="a", repo_id=REPO, parent_commit=parent)
    assert caught.value.response.status_code == 412
    assert hub.repo(REPO).files()["a"] == b"meanwhile"


def test_whoever_reads_may_open_a_pull_request_which_leaves_main_alone(api, hub):
    before = hub.repo(REPO).files()
    bob = HfApi(token=BOB)
    for number in (1, 2):
        additions = [CommitOperationAdd("model.safetensors", b"better")]
        commit = bob.create_commit(REPO, additions, commit_message="try", create_pr=True)
        assert (commit.pr_num, commit.pr_revision) == (number, f"refs/pr/{number}")
        assert hub.repo(REPO).history(f"refs/pr/{number}")[0].author == "bob"
    assert hub.repo(REPO).files() == before
    assert download(revision="refs/pr/2") == b"better"
    refs = api.list_repo_refs(REPO, include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1", "refs/pr/2"]
    api.upload_file(path_or_fileobj=b"more", path_in_repo="a", repo_id=REPO, revision="refs/pr/1")
    assert hub.repo(REPO).files("refs/pr/1")["a"] == b"more"


def test_a_card_with_broken_metadata_is_refused(api, hub):
    for broken in ("---\na: [\n---\n", "---\nlicense: 3\n---\n"):
        with pytest.raises(ValueError, match="Invalid metadata"):
            api.upload_file(path_or_fileobj=broken.encode(), path_in_repo="README.md", repo_id=REPO)
    assert "README.md" not in hub.repo(REPO).files()


def test_a_commit_scheduler_appends_to_a_dataset(hub, tmp_path):
    (tmp_path / "votes.jsonl").write_text("{}\n")
    scheduler = CommitScheduler(
        repo_id="alice/votes", repo_type="dataset", folder_path=tmp_path, token=ALICE, every=99
    )
    scheduler.trigger().result()
    scheduler.stop()
    assert hub.repo("alice/votes", "dataset").files()["votes.jsonl"] == b"{}\n"


# ---- pulling ----


def test_revisions_are_branches_tags_and_commits(api, hub):
    first = hub.repo(REPO).commits[0].sha
    api.create_tag(REPO, tag="v1", revision=first)
    api.create_branch(REPO, branch="try/this", revision="v1")
    api.upload_file(path_or_fileobj=b"2", path_in_repo="config.json", repo_id=REPO, revision="try/this")
    api.upload_file(path_or_fileobj=b"3", path_in_repo="config.json", repo_id=REPO)
    contents = {revision: download("config.json", revision=revision) for revision in ("v1", first, "try/this", "main")}
    assert contents == {"v1": b'{"a": 1}', first: b'{"a": 1}', "try/this": b"2", "main": b"3"}
    refs = api.list_repo_refs(REPO)
    assert {branch.name for branch in refs.branches} == {"main", "try/this"}
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v1", first)]
    assert [commit.commit_id for commit in api.list_repo_commits(REPO)] == [c.sha for c in hub.repo(REPO).commits]
    for create in (api.create_tag, lambda repo, tag: api.create_branch(repo, branch="try/this")):
        with pytest.raises(HfHubHTTPError) as caught:
            create(REPO, tag="v1")
        assert caught.value.response.status_code == 409
    with pytest.raises(BadRequestError):
        api.create_branch(REPO, branch="refs/pr/1")
    api.delete_tag(REPO, tag="v1")
    api.delete_branch(REPO, branch="try/this")
    assert (list(hub.repo(REPO).tags), list(hub.repo(REPO).branches)) == ([], ["main"])


def test_what_is_missing_is_told_apart(api):
    with pytest.raises(RevisionNotFoundError):
        download(revision="nowhere")
    with pytest.raises(RemoteEntryNotFoundError):
        download("nothing.txt")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("alice/nothing", "config.json")
    assert api.file_exists(REPO, "config.json") and not api.file_exists(REPO, "nothing.txt")


def test_listings_and_metadata(api, hub):
    card = b"---\nlibrary_name: hfstyle\npipeline_tag: image-to-image\ntags: [gan]\n---\n"
    hub.repo(REPO).push({"README.md": card, "reverse/config.json": b"{}"})
    info = api.model_info(REPO, files_metadata=True)
    assert (info.library_name, info.pipeline_tag, info.tags) == ("hfstyle", "image-to-image", ["gan"])
    large = next(sibling for sibling in info.siblings if sibling.rfilename == "model.safetensors")
    assert (large.size, large.lfs.sha256) == (len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest())
    top = ["model.safetensors", "README.md", "config.json", ".gitattributes", "reverse"]
    assert {entry.path for entry in api.list_repo_tree(REPO)} == set(top)
    deep = {entry.path for entry in api.list_repo_tree(REPO, recursive=True)}
    assert deep == {*top, "reverse/config.json"}
    assert [entry.path for entry in api.list_repo_tree(REPO, "reverse")] == ["reverse/config.json"]
    assert [entry.path for entry in api.get_paths_info(REPO, ["reverse", "config.json"])] == ["config.json", "reverse"]
    # Reads the file's header by a Range request that is redirected to the storage.
    assert api.get_safetensors_metadata(REPO).parameter_count == {"F32": 300_000}
    assert hub.requests("GET", "^/_storage/")


def test_a_snapshot_is_the_whole_repo_and_no_token_reaches_the_storage(api, hub):
    hub.repo(REPO).private = True
    folder = Path(snapshot_download(REPO, token=ALICE))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == hub.repo(REPO).files()
    assert all(request.authorized for request in hub.requests(path="/resolve/"))
    storage = hub.requests("GET", "^/_storage/.*/model.safetensors$")
    assert storage and not any(request.authorized for request in storage)


def test_a_token_sent_to_the_storage_is_refused(api, hub):
    url = f"{hub.storage_url}/_storage/{hashlib.sha256(WEIGHTS).hexdigest()}/model.safetensors"
    assert httpx2.get(url).content == WEIGHTS
    assert httpx2.get(url, headers={"Range": "bytes=8-15"}).content == WEIGHTS[8:16]
    assert httpx2.get(url, headers={"Range": f"bytes={len(WEIGHTS)}-"}).status_code == 416
    assert httpx2.get(url, headers={"Authorization": f"Bearer {ALICE}"}).status_code == 400


def test_the_command_line_client_pushes_and_pulls_offline_from_the_cache(hub, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    client = [sys.executable, "-m", "huggingface_hub.cli.hf"]
    online = os.environ | {"HF_TOKEN": ALICE}
    for environment, command in (
        (online, ["upload", REPO, str(tmp_path), "."]),
        (online, ["download", REPO, "config.json"]),
        (online | {"HF_HUB_OFFLINE": "1"}, ["download", REPO, "config.json"]),
    ):
        before = len(hub.log)
        result = subprocess.run([*client, *command], env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert (len(hub.log) == before) == ("HF_HUB_OFFLINE" in environment)
    assert hub.repo(REPO).files()["config.json"] == b"{}"


# ---- misbehaviour ----


def test_a_status_is_injected_as_often_as_planned(api, hub, naps):
    hub.fail("POST", "/preupload/", Status(503), times=2)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a", repo_id=REPO)
    assert hub.repo(REPO).files()["a"] == b"x"
    assert naps == [1, 2]
    assert len(hub.requests("POST", "/preupload/")) == 3


@pytest.mark.parametrize("code", [401, 403, 404, 409, 412, 429, 500, 503])
def test_every_status_reaches_the_client(api, hub, code):
    hub.fail("GET", "/api/models/alice/model$", Status(code, "no luck", retry_after=7), times=None)
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="no luck") as caught:
            api.model_info(REPO)
        assert caught.value.response.status_code == code
        assert caught.value.response.headers["Retry-After"] == "7"


def test_retry_after_and_error_codes_are_understood_by_the_client(api, hub, naps):
    hub.fail("POST", "/preupload/", Status(429, retry_after=30))
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a", repo_id=REPO)
    assert naps == [31]
    hub.fail("HEAD", "/resolve/", Status(403, error_code="GatedRepo"))
    with pytest.raises(GatedRepoError):
        download()


def test_a_cut_download_is_resumed(api, hub, naps):
    hub.fail("GET", "model.safetensors$", CutBody(after=1000), times=2)
    assert download() == WEIGHTS
    assert naps == [1, 1]


def test_a_download_that_is_always_cut_fails_and_leaves_no_file(api, hub, naps):
    hub.fail("GET", "model.safetensors$", CutBody(after=1000), times=None)
    with pytest.raises(httpx2.RemoteProtocolError):
        download()
    with pytest.raises(LocalEntryNotFoundError):
        download(local_files_only=True)


def test_an_answer_can_be_garbage(api, hub):
    hub.fail("GET", "/api/models/alice/model$", GarbageJson())
    with pytest.raises(ValueError):
        api.model_info(REPO)
    assert api.model_info(REPO).id == REPO
    hub.fail("GET", "config.json$", GarbageJson(b'{"a": 2}'))
    assert download("config.json") == b'{"a": 2}'


def test_an_answer_can_be_too_long_or_endless(api, hub):
    hub.fail("GET", "config.json$", LongBody(length=100_000))
    with pytest.raises(OSError, match="should be of size 8 but has size 100008"):
        download("config.json")
    hub.fail("GET", "config.json$", LongBody())
    with httpx2.stream("GET", f"{hub.url}/{REPO}/resolve/main/config.json") as response:
        received = 0
        for block in response.iter_raw():
            received += len(block)
            if received > 10**6:
                break
    assert download("config.json") == b'{"a": 1}'


def test_something_can_happen_between_two_requests(api, hub):
    hub.fail("POST", "/preupload/", Meanwhile(lambda: hub.repo(REPO).push({"a": b"meanwhile"})))
    parent = hub.repo(REPO).commits[0].sha
    with pytest.raises(HfHubHTTPError) as caught:
        api.upload_file(path_or_fileobj=b"late", path_in_repo="a", repo_id=REPO, parent_commit=parent)
    assert caught.value.response.status_code == 412


def test_the_first_fault_that_fits_happens_and_others_stay_planned(api, hub):
    hub.fail("HEAD", "config.json$", Status(404, error_code="EntryNotFound"))
    later = hub.fail("HEAD", "config.json$", Status(404, error_code="RevisionNotFound"))
    assert download() == WEIGHTS
    with pytest.raises(RemoteEntryNotFoundError):
        download("config.json")
    assert later.times == 1
    with pytest.raises(RevisionNotFoundError):
        download("config.json")


def test_a_stopped_hub_refuses_connections_and_comes_back_in_the_same_place():
    with LocalHub() as hub:
        hub.add_repo(REPO, {"a": b"x"})
        url = f"{hub.url}/{REPO}/resolve/main/a"
        assert httpx2.get(url).content == b"x"
        hub.stop()
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url)
        hub.start()
        assert httpx2.get(url).content == b"x"
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url)


def test_every_test_starts_with_an_empty_hub_and_cache(hub):
    assert not hub.repos and not hub.log and not hub.faults and not hub.storage
    assert hub.users == {ALICE: "alice", BOB: "bob"}
    assert not Path(constants.HF_HUB_CACHE).exists()
    assert hub.url == constants.ENDPOINT
