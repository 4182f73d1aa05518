"""A real Chromium for tests of pages, spoken to by its DevTools protocol over two pipes: no driver between, nothing to install but it.

`Chromium.started()` → `reader(...)`, somebody with storage of their own → `open(url)`, a tab. Text of scripts runs in the page.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from servicekit.testing.platform import until

PATIENCE = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
    "--disable-background-networking", "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--mute-audio",
)  # fmt: skip
_KEYS = {
    "Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " "), "ArrowRight": (39, ""), "ArrowLeft": (37, ""), "ArrowDown": (40, ""),
}  # fmt: skip


def path() -> str | None:
    """Returns where Chromium is on this machine, None for nowhere."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _spawned(program: str, folder: Path) -> tuple[int, int, int]:
    """Starts Chromium with its pipes at 3 and 4, where it looks for them; returns its process and our ends, to read and to write."""
    (theirs, ours), (heard, spoken) = os.pipe(), os.pipe()
    files = [
        (os.POSIX_SPAWN_DUP2, theirs, 3),
        (os.POSIX_SPAWN_DUP2, spoken, 4),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    argv = [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
    pid = os.posix_spawn(program, argv, os.environ, file_actions=files, setpgroup=0)
    os.close(theirs)
    os.close(spoken)
    return pid, heard, ours


class ProtocolError(Exception):
    """What was asked of the browser it could not do, for example because the page went away meanwhile."""


class Chromium:
    """A browser that runs."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, pipe: int) -> None:
        self._pid = pid
        self._reader = reader
        self._pipe = pipe
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._heard: dict[str, Callable[[str, Any], None]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, folder: Path) -> AsyncIterator[Chromium]:
        """Starts one with a profile in a folder, and ends it."""
        program = path()
        assert program is not None
        pid, heard, ours = _spawned(program, folder)
        reader = asyncio.StreamReader(limit=2**26)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(heard, "rb", 0)
        )
        browser = cls(pid, reader, ours)
        try:
            yield browser
        finally:
            await browser._end()
            transport.close()

    async def reader(self, language: str = "en-GB", *, scripts: bool = True) -> Reader:
        """Returns somebody with a browser of their own."""
        made = await self.call("Target.createBrowserContext")
        return Reader(self, made["browserContextId"], language, scripts)

    async def call(self, method: str, session: str = "", **params: Any) -> Any:
        """Asks the browser, or a tab by its session. Raises ProtocolError."""
        number = next(self._numbers)
        told = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        self._asked[number] = asyncio.get_running_loop().create_future()
        os.write(self._pipe, json.dumps(told).encode() + b"\0")
        async with asyncio.timeout(PATIENCE):
            return await self._asked[number]

    def hear(self, session: str, handler: Callable[[str, Any], None]) -> None:
        """Gives a tab's events to a handler."""
        self._heard[session] = handler

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                told = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" not in told:
                    self._heard.get(told.get("sessionId", ""), lambda *_: None)(told["method"], told["params"])
                elif not (answer := self._asked.pop(told["id"])).done():
                    if "error" in told:
                        answer.set_exception(ProtocolError(told["error"]["message"]))
                    else:
                        answer.set_result(told["result"])

    async def _end(self) -> None:
        os.close(self._pipe)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, self._pid, 0)
        self._listening.cancel()


class Reader:
    """Somebody with storage and a language of their own; without `scripts` their browser runs none."""

    def __init__(self, browser: Chromium, context: str, language: str, scripts: bool) -> None:
        self.browser = browser
        self.context = context
        self.language = language
        self.scripts = scripts

    async def open(self, url: str) -> Tab:
        """Opens a page in a tab of its own and returns it once it is loaded."""
        target = (await self.browser.call("Target.createTarget", url="about:blank", browserContextId=self.context))[
            "targetId"
        ]
        session = (await self.browser.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = Tab(self.browser, session, target)
        await tab.call("Network.enable")
        await tab.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": self.language})
        await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await tab.call("Emulation.setScriptExecutionDisabled", value=not self.scripts)
        await tab.go(url)
        return tab

    async def close(self) -> None:
        """Closes all tabs and forgets the storage."""
        await self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)


class Tab:
    """A page that is open."""

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self._judge: Callable[[Any], bool] = lambda request: True
        self._works: set[asyncio.Task[Any]] = set()
        browser.hear(session, self._hear)

    async def call(self, method: str, **params: Any) -> Any:
        """Asks the tab. Raises ProtocolError."""
        return await self._browser.call(method, self._session, **params)

    async def go(self, url: str) -> None:
        """Opens an address and waits until it is loaded."""
        await self.call("Page.navigate", url=url)
        await self.sees("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def run(self, script: str) -> Any:
        """Returns the value of an expression in the page, as JSON. Raises ProtocolError."""
        told = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise ProtocolError(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
        return told["result"].get("value")

    async def sees(self, script: str) -> None:
        """Waits until an expression is true in the page, across its reloads."""

        async def holds() -> bool:
            try:
                return bool(await self.run(script))
            except ProtocolError:
                return False

        await until(holds, PATIENCE, f"the page does not say {script}")

    async def press(self, *keys: str) -> None:
        """Presses keys, one after the other."""
        for key in keys:
            code, text = _KEYS[key]
            name = " " if key == "Space" else key
            pressed = {"key": name, "code": key, "windowsVirtualKeyCode": code}
            await self.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **({"text": text} if text else {}))
            await self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def write(self, text: str) -> None:
        """Writes text where the cursor is."""
        await self.call("Input.insertText", text=text)

    async def offline(self, *, off: bool) -> None:
        """Takes the network away from the tab, or gives it back."""
        plain = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await self.call("Network.emulateNetworkConditions", offline=off, **plain)

    async def stop(self, pattern: str, judge: Callable[[Any], bool], *, answered: bool = False) -> None:
        """Breaks off requests to a pattern of addresses for which `judge` is false; with `answered` after the server's answer."""
        self._judge = judge
        stage = "Response" if answered else "Request"
        await self.call("Fetch.enable", patterns=[{"urlPattern": pattern, "requestStage": stage}])

    async def let(self) -> None:
        """Lets all requests through again."""
        await self.call("Fetch.disable")

    async def close(self) -> None:
        """Closes the tab."""
        await self._browser.call("Target.closeTarget", targetId=self._target)

    def _hear(self, method: str, params: Any) -> None:
        if method == "Fetch.requestPaused":
            work = asyncio.create_task(self._paused(params))
            self._works.add(work)
            work.add_done_callback(self._works.discard)

    async def _paused(self, params: Any) -> None:
        with contextlib.suppress(ProtocolError):
            if self._judge(params["request"]):
                await self.call("Fetch.continueRequest", requestId=params["requestId"])
            else:
                await self.call("Fetch.failRequest", requestId=params["requestId"], errorReason="ConnectionClosed")
