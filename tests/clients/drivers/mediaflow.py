"""Runs a MediaFlow proxy on a free port; prints the port. Its password comes from ``API_PASSWORD``."""

import asyncio
import socket

import uvicorn
from mediaflow_proxy.main import app


async def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve(sockets=[listener])


asyncio.run(main())
