"""Tasks end although a cancellation may be lost on the way to them."""

import asyncio

import pytest
from servicekit import tasks


async def relaying(answers: list[asyncio.Future[None]], rounds: list[int]) -> None:
    """Asks again and again, as the relay asks the broker."""
    while True:
        answer = asyncio.get_running_loop().create_future()
        answers.append(answer)
        await asyncio.wait_for(answer, 60)
        rounds.append(len(rounds))


class TestEnd:
    async def test_a_task_whose_answer_came_in_the_moment_of_its_cancelling_ends_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.05)
        answers: list[asyncio.Future[None]] = []
        rounds: list[int] = []
        task = asyncio.create_task(relaying(answers, rounds))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answers[-1].set_result(None)  # heard at the loop's next turn: the cancellation comes first

        await asyncio.wait_for(tasks.end([task]), 10)

        assert task.cancelled()
        assert rounds == [0]  # it had lost the first cancellation, and gone on

    async def test_tasks_that_failed_or_ended_before_are_not_waited_for_and_not_raised(self) -> None:
        async def failing() -> None:
            raise RuntimeError("broken")

        async def stubborn() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise RuntimeError("not now") from None

        failed, late = asyncio.create_task(failing()), asyncio.create_task(stubborn())
        await asyncio.wait([failed])

        await tasks.end([failed, late])
        await tasks.end([])

        assert isinstance(late.exception(), RuntimeError)
