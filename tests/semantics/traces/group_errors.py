# SPDX-License-Identifier: BSL-1.0
# Rows: T-exg-01 T-exg-02 T-exg-03
import asyncio

from telling import error_name, say


async def fails(error, seconds=0):
    await asyncio.sleep(seconds)
    raise error


async def main():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(fails(ValueError()))
            group.create_task(fails(TimeoutError()))

    async def both():
        async with asyncio.TaskGroup() as group:
            group.create_task(fails(RuntimeError()))
            group.create_task(inner())
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def tell(error):
        say(error_name(error) if error else "None")

    try:
        await both()
    except ExceptionGroup as error:
        group = error
    tell(group)
    for types in (ValueError, TimeoutError, (ValueError, TimeoutError), Exception, KeyError):
        for part in group.split(types):
            tell(part)
    tell(group.subgroup(lambda e: isinstance(e, RuntimeError)))
    try:
        try:
            raise group
        except* ValueError as values:
            tell(values)
        except* TimeoutError as late:
            tell(late)
    except ExceptionGroup as rest:
        tell(rest)
    try:
        raise TimeoutError
    except* TimeoutError as bare:
        tell(bare)


asyncio.run(main())
