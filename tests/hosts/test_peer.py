"""A connection between hosts: what is no message of ours, and what is said once it is over."""

from __future__ import annotations

import asyncio

import pytest

from replay.hosts.peer import Go, GoneError, Peer
from replay.hosts.secret import tls_contexts

ACCEPTING, ASKING = tls_contexts(b"0123456789abcdef" * 2)


def test_a_file_of_fewer_bytes_than_none_is_no_message_for_it_would_be_read_to_its_end() -> None:
    async def scenario() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b'{"type":"file","name":"requests.arrow","size_bytes":-1}\n')
        with pytest.raises(GoneError, match="no message of this version"):
            await Peer(reader, None).hear(1.0)

    asyncio.run(scenario())


def test_what_is_said_after_the_other_end_closed_is_not_lost_in_silence() -> None:
    async def scenario() -> None:
        accepted: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda reader, writer: accepted.set_result(Peer(reader, writer)), "127.0.0.1", 0, ssl=ACCEPTING
        )
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=ASKING)
            peer = await accepted
            writer.transport.abort()
            while not peer.writer.is_closing():
                await asyncio.sleep(0.001)
            await peer.close()

            with pytest.raises(GoneError, match="it was closed"):
                await peer.say(Go())

    asyncio.run(asyncio.wait_for(scenario(), 10.0))
