"""The tokens example, whose model speaks slowly while the file SLOWLY is there."""

import asyncio
import os
import runpy

import model

shipped = model.answer


async def answer(question):
    async for token in shipped(question):
        if os.path.exists(os.environ["SLOWLY"]):
            await asyncio.sleep(0.2)
        yield token


model.answer = answer
runpy.run_module("server", run_name="__main__")
