"""Users, keys, accounts, files, traces, intents and media jobs in a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.db.samples import START, a_file, a_job, a_key, a_media_job, a_user, an_account, tick

from sluicegate.core.accounts import AccountFacts, AccountState, proxy_kind, token_kind
from sluicegate.core.errors import AlreadyExists, Conflict, InternalError, InvalidInput, NotFound
from sluicegate.core.jobs import JobState
from sluicegate.core.keys import KeyKind
from sluicegate.core.media_jobs import MediaOptions, MediaResult, MediaState, MediaStep
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import SourceKind
from sluicegate.core.trace import TraceEntry
from sluicegate.core.users import User
from sluicegate.db.connector import Connector
from sluicegate.db.database import open_at
from sluicegate.db.unit_of_work import Transactions
from sluicegate.services.vault import AesVault


async def test_users_are_found_by_id_and_name_and_paged_by_name(transactions: Transactions):
    users = [await a_user(transactions, name) for name in ("carol", "alice", "bob")]
    async with transactions() as tx:
        assert await tx.users.get(users[0].id) == users[0]
        assert await tx.users.by_name("bob") == users[2]
        assert [user.name for user in await tx.users.page(limit=2, offset=0)] == ["alice", "bob"]
        assert [user.name for user in await tx.users.page(limit=2, offset=2)] == ["carol"]
        with pytest.raises(NotFound):
            await tx.users.get(uuid4())
        with pytest.raises(NotFound):
            await tx.users.by_name("nobody")


async def test_a_taken_name_is_refused_and_the_transaction_lives_on(transactions: Transactions):
    await a_user(transactions, "alice")
    async with transactions() as tx:
        with pytest.raises(AlreadyExists):
            await tx.users.add(User(uuid4(), "alice", tick()))
        assert (await tx.users.by_name("alice")).name == "alice"


async def test_a_key_is_verified_by_prefix_and_fingerprint(transactions: Transactions):
    user = await a_user(transactions)
    first, second = a_key(user.id), a_key(user.id, KeyKind.PROXY)
    async with transactions() as tx:
        await tx.keys.add(first, fingerprint=b"1" * 32, sealed=b"sealed")
        await tx.keys.add(second, fingerprint=b"2" * 32, sealed=None)
    async with transactions() as tx:
        assert await tx.keys.verify("abcd1234", b"1" * 32) == first
        assert await tx.keys.verify("abcd1234", b"2" * 32) == second
        assert await tx.keys.verify("abcd1234", b"3" * 32) is None
        assert await tx.keys.verify("other", b"1" * 32) is None


async def test_a_revoked_key_is_no_longer_verified_but_listed(transactions: Transactions):
    user = await a_user(transactions)
    old, new = a_key(user.id), a_key(user.id)
    at = tick()
    async with transactions() as tx:
        await tx.keys.add(old, fingerprint=b"1" * 32, sealed=b"old")
        await tx.keys.add(new, fingerprint=b"2" * 32, sealed=b"new")
        assert await tx.keys.current(user.id, KeyKind.LIBRARY) == (new, b"new")
        assert await tx.keys.revoke(new.id, at) is True
        assert await tx.keys.revoke(new.id, at) is False
        assert await tx.keys.revoke(uuid4(), at) is False
    async with transactions() as tx:
        assert await tx.keys.verify(new.prefix, b"2" * 32) is None
        assert await tx.keys.current(user.id, KeyKind.LIBRARY) == (old, b"old")
        assert await tx.keys.current(user.id, KeyKind.MEDIA) is None
        assert await tx.keys.page(user.id, limit=10, offset=0) == [replace(new, revoked_at=at), old]
        assert await tx.keys.page(user.id, limit=10, offset=1) == [old]


async def test_the_last_use_is_noted_once_a_minute(transactions: Transactions):
    user = await a_user(transactions)
    key = a_key(user.id)
    async with transactions() as tx:
        await tx.keys.add(key, fingerprint=b"1" * 32, sealed=None)
    noted = []
    for seconds in (0, 59, 61):
        async with transactions() as tx:
            await tx.keys.touch(key.id, START + timedelta(seconds=seconds))
            found = await tx.keys.verify(key.prefix, b"1" * 32)
        noted.append(found.last_used_at - START)
    assert [delta.total_seconds() for delta in noted] == [0, 0, 61]


async def test_an_account_comes_back_as_it_was_given(transactions: Transactions):
    user = await a_user(transactions)
    facts = AccountFacts(
        "u1", premium=None, plan="pro", expires_at=tick(), limits=(("points_used", 0.3), ("slots", 5.0))
    )
    first = an_account(
        user.id, facts=facts, checked_at=tick(), base_url="http://x.test", reason="r", token_hint="…abcd"
    )
    second = an_account(user.id, label="work")
    async with transactions() as tx:
        await tx.accounts.add(first, sealed_token=b"t", sealed_proxy=None)
        await tx.accounts.add(second, sealed_token=b"t", sealed_proxy=None)
        with pytest.raises(AlreadyExists):
            await tx.accounts.add(an_account(user.id), sealed_token=b"t", sealed_proxy=None)
    async with transactions() as tx:
        assert await tx.accounts.get(first.id) == first
        assert await tx.accounts.page(user.id) == [first, second]
        assert await tx.accounts.page(uuid4()) == []


async def test_an_update_never_touches_the_token_and_rotating_touches_nothing_else(
    transactions: Transactions, vault: AesVault
):
    user = await a_user(transactions)
    account = an_account(user.id, token_hint="…old1")

    def sealed(token: str) -> bytes:
        return vault.seal(token, owner=str(user.id), kind=token_kind("torbox", account.id))

    async with transactions() as tx:
        await tx.accounts.add(account, sealed_token=sealed("token-1"), sealed_proxy=None)
        changed = replace(account, state=AccountState.PAUSED, reason="locked", checked_at=tick(), token_hint="…nope")
        await tx.accounts.update(changed)
    async with transactions() as tx:
        assert await tx.accounts.get(account.id) == replace(changed, token_hint="…old1")
        assert (await tx.accounts.credential(account.id)).token == Secret("token-1")
        await tx.accounts.rotate(account.id, sealed_token=sealed("token-2"), token_hint="…new2")
    async with transactions() as tx:
        assert await tx.accounts.get(account.id) == replace(changed, token_hint="…new2")
        assert (await tx.accounts.credential(account.id)).token == Secret("token-2")
        await tx.accounts.remove(account.id)
        await tx.accounts.remove(account.id)
        for call in (tx.accounts.get, tx.accounts.credential):
            with pytest.raises(NotFound):
                await call(account.id)
        with pytest.raises(NotFound):
            await tx.accounts.update(account)


async def test_a_credential_opens_token_and_proxy_and_shows_neither(transactions: Transactions, vault: AesVault, sql):
    user = await a_user(transactions)
    account = an_account(user.id, base_url="http://torrin.test")
    token, proxy = f"token-{uuid4().hex}", f"http://user:{uuid4().hex}@proxy.test"
    owner = str(user.id)
    async with transactions() as tx:
        await tx.accounts.add(
            account,
            sealed_token=vault.seal(token, owner=owner, kind=token_kind("torbox", account.id)),
            sealed_proxy=vault.seal(proxy, owner=owner, kind=proxy_kind("torbox", account.id)),
        )
    async with transactions() as tx:
        credential = await tx.accounts.credential(account.id)
    assert (credential.token, credential.proxy) == (Secret(token), Secret(proxy))
    assert (credential.account_id, credential.base_url) == (str(account.id), "http://torrin.test")
    assert token not in repr(credential)
    kept = str([dict(row) for row in await sql.fetch("SELECT *, encode(sealed_token, 'escape') FROM accounts")])
    assert token not in kept


async def test_a_swapped_row_does_not_open(transactions: Transactions, vault: AesVault, sql):
    user = await a_user(transactions)
    accounts = [an_account(user.id, label=label) for label in ("a", "b")]
    async with transactions() as tx:
        for account in accounts:
            sealed = vault.seal("t", owner=str(user.id), kind=token_kind("torbox", account.id))
            await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
    await sql.execute(
        "UPDATE accounts SET sealed_token = other.sealed_token FROM accounts other WHERE accounts.id <> other.id"
    )
    for account in accounts:
        async with transactions() as tx:
            with pytest.raises(InternalError):
                await tx.accounts.credential(account.id)


async def test_a_wrong_master_key_says_so(connector: Connector, transactions: Transactions, vault: AesVault):
    user = await a_user(transactions)
    account = an_account(user.id)
    sealed = vault.seal("t", owner=str(user.id), kind=token_kind("torbox", account.id))
    async with transactions() as tx:
        await tx.accounts.add(account, sealed_token=sealed, sealed_proxy=None)
    async with open_at(connector, AesVault(b"x" * 32)) as other, other.transactions() as tx:
        with pytest.raises(InternalError) as refused:
            await tx.accounts.credential(account.id)
    assert "master key" in refused.value.detail
    assert "master key" in refused.value.action


async def test_removing_an_account_leaves_its_jobs(transactions: Transactions):
    user = await a_user(transactions)
    account = an_account(user.id)
    job = a_job(user.id, provider="torbox", account_id=account.id)
    async with transactions() as tx:
        await tx.accounts.add(account, sealed_token=b"t", sealed_proxy=None)
        await tx.jobs.add(job)
        await tx.accounts.remove(account.id)
    async with transactions() as tx:
        assert await tx.jobs.get(job.id) == job


async def test_replacing_files_keeps_ids_and_own_copies(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    first = [a_file(job.id, index) for index in (2, 0, 1)]
    async with transactions() as tx:
        await tx.jobs.add(job)
        await tx.files.replace(job.id, first)
        await tx.files.stored(first[0].id, storage="local", key="k", size=11)
    second = [a_file(job.id, 2, path="new/path", locator="torbox:1:2", size=11), a_file(job.id, 7)]
    async with transactions() as tx:
        await tx.files.replace(job.id, second)
    async with transactions() as tx:
        kept, added = await tx.files.page(job.id)
        assert kept == replace(second[0], id=first[0].id, storage="local", stored_key="k")
        assert added == second[1]
        assert await tx.files.get(job.id, added.id) == added
        for wrong in ((uuid4(), added.id), (job.id, uuid4()), (job.id, first[1].id)):
            with pytest.raises(NotFound):
                await tx.files.get(*wrong)
        with pytest.raises(NotFound):
            await tx.files.stored(uuid4(), storage="local", key="k", size=1)
        await tx.files.replace(job.id, [])
        assert await tx.files.page(job.id) == []


async def test_a_torrent_of_forty_thousand_files_fits(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id)
    many = [a_file(job.id, index) for index in range(40_000)]
    async with transactions() as tx:
        await tx.jobs.add(job)
        await tx.files.replace(job.id, many)
        await tx.files.replace(job.id, many)
    async with transactions() as tx:
        assert [file.index for file in await tx.files.page(job.id)] == list(range(40_000))


async def test_stored_copies_are_whole_or_none_and_of_torrents_only(transactions: Transactions):
    user = await a_user(transactions)
    job = a_job(user.id, seed=1, state=JobState.READY)
    link = replace(a_job(user.id, seed=2, state=JobState.READY), source_kind=SourceKind.WEB)
    files = [a_file(job.id, 1), a_file(job.id, 0)]
    async with transactions() as tx:
        await tx.jobs.add(job)
        assert await tx.files.stored_copies(job.info_hash) == []
        await tx.files.replace(job.id, files)
        await tx.files.stored(files[0].id, storage="local", key="1", size=10)
        assert await tx.files.stored_copies(job.info_hash) == []
        await tx.files.stored(files[1].id, storage="local", key="0", size=10)
        assert [file.stored_key for file in await tx.files.stored_copies(job.info_hash)] == ["0", "1"]
        of_link = a_file(link.id, 0)
        await tx.jobs.add(link)
        await tx.files.replace(link.id, [of_link])
        await tx.files.stored(of_link.id, storage="local", key="l", size=10)
        assert await tx.files.stored_copies(link.info_hash) == []


async def test_traces_are_read_in_the_order_written(transactions: Transactions):
    user = await a_user(transactions)
    job, other = a_job(user.id), a_job(user.id)
    entries = [TraceEntry(START, f"rung {n}", "skipped", "r", "words", n or None) for n in range(5)]
    async with transactions() as tx:
        await tx.jobs.add(job)
        await tx.jobs.add(other)
        for entry in entries:
            await tx.traces.add(job.id, entry)
        await tx.traces.add(other.id, entries[0])
    async with transactions() as tx:
        assert await tx.traces.page(job.id) == entries
        assert await tx.traces.page(job.id, limit=2) == entries[:2]


@pytest.mark.parametrize("account_id", [None, uuid4()])
async def test_an_intent_is_open_until_it_is_closed(transactions: Transactions, account_id):
    user = await a_user(transactions)
    job = a_job(user.id)
    async with transactions() as tx:
        await tx.jobs.add(job)
        assert await tx.intents.open(job.id, "torbox", account_id) is False
    async with transactions() as tx:
        assert await tx.intents.open(job.id, "torbox", account_id) is True
        assert await tx.intents.open(job.id, "realdebrid", account_id) is False
        await tx.intents.close(job.id, "torbox", account_id)
        await tx.intents.close(job.id, "torbox", account_id)
        assert await tx.intents.open(job.id, "torbox", account_id) is False


async def test_a_stored_media_file_belongs_to_one_job(transactions: Transactions):
    user = await a_user(transactions)
    first, second = a_media_job(user.id), a_media_job(user.id)
    async with transactions() as tx:
        await tx.media_jobs.add(first)
        await tx.media_jobs.add(second)
        await tx.media_jobs.update(replace(first, storage="local", stored_key="videos/clip.mp4"))
    with pytest.raises(AlreadyExists):
        async with transactions() as tx:
            await tx.media_jobs.update(replace(second, storage="local", stored_key="videos/clip.mp4"))
    async with transactions() as tx:
        assert (await tx.media_jobs.get(second.id)).stored_key is None
        await tx.media_jobs.update(replace(second, storage="other", stored_key="videos/clip.mp4"))


async def test_a_media_job_comes_back_as_it_was_given(transactions: Transactions):
    user = await a_user(transactions)
    job = a_media_job(user.id, batch_id=uuid4())
    async with transactions() as tx:
        await tx.media_jobs.add(job)
    async with transactions() as tx:
        assert await tx.media_jobs.get(job.id, user_id=user.id, lock=True) == job
        with pytest.raises(NotFound):
            await tx.media_jobs.get(job.id, user_id=uuid4())
    after = replace(
        job,
        state=MediaState.COMPLETED,
        step=MediaStep.FINISHED,
        started_at=tick(),
        finished_at=tick(),
        progress=1.0,
        result=MediaResult(title="t", file_size=2**40, download_retries=2),
        storage="local",
        stored_key="k",
        subtitle_key="s",
        thumbnail_key="j",
        error_code="e",
        error="f",
        attempts=3,
    )
    async with transactions() as tx:
        written = await tx.media_jobs.update(after)
        assert written == replace(after, version=2, updated_at=written.updated_at)
        assert written.updated_at > job.updated_at
        with pytest.raises(Conflict):
            await tx.media_jobs.update(after)
        with pytest.raises(NotFound):
            await tx.media_jobs.update(a_media_job(user.id))
    async with transactions() as tx:
        assert await tx.media_jobs.get(job.id) == written


async def test_media_options_of_another_version_are_read(transactions: Transactions, sql):
    user = await a_user(transactions)
    job = a_media_job(user.id)
    async with transactions() as tx:
        await tx.media_jobs.add(job)
    await sql.execute(
        """UPDATE media_jobs SET options = '{"container": "webm", "from_the_future": 1}', result = '{}'"""
    )
    async with transactions() as tx:
        found = await tx.media_jobs.get(job.id)
    assert (found.options, found.result) == (MediaOptions(container="webm"), MediaResult())


async def test_media_jobs_are_paged_counted_and_swept(transactions: Transactions):
    user, other = await a_user(transactions), await a_user(transactions)
    jobs = [a_media_job(user.id, state=state) for state in MediaState]
    async with transactions() as tx:
        for job in [*jobs, a_media_job(other.id)]:
            await tx.media_jobs.add(job)
    async with transactions() as tx:
        assert await tx.media_jobs.page(user.id, limit=10, offset=0) == jobs[::-1]
        assert await tx.media_jobs.page(user.id, limit=2, offset=1) == jobs[::-1][1:3]
        assert await tx.media_jobs.page(user.id, limit=9, offset=0, state=MediaState.SKIPPED) == [jobs[5]]
        assert await tx.media_jobs.count(user.id) == 6
        assert await tx.media_jobs.count(user.id, state=MediaState.FAILED) == 1
        unfinished = await tx.media_jobs.unfinished(limit=2)
        unfinished += await tx.media_jobs.unfinished(limit=2, after=unfinished[-1].id)
    assert len(unfinished) == 3
    assert {job.id for job in unfinished} >= {jobs[0].id, jobs[1].id}


async def test_an_empty_text_that_is_not_text_to_postgresql_is_refused_cleanly(transactions: Transactions):
    """PostgreSQL has no NUL in text; the error blames the value, says nothing of SQL and leaves the pool usable."""
    with pytest.raises(InvalidInput) as refused:
        async with transactions() as tx:
            await tx.users.add(User(uuid4(), "nul\0name", tick()))
    assert "INSERT" not in refused.value.detail + refused.value.action
    await asyncio.gather(*(a_user(transactions) for _ in range(20)))
