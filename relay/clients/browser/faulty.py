"""The notifications example with two more handlers: one raises, one hangs. Nobody may notice."""

import asyncio

import server


@server.channels.on_message("user:")
async def raises(channel, message):
    raise ValueError(f"cannot handle {message}")


@server.channels.on_message("user:")
async def hangs(channel, message):
    await asyncio.Event().wait()


server.main()
