# SPDX-License-Identifier: BSL-1.0
"""A group of tasks ends as a whole: when one member fails, the others are cancelled, and nobody is left behind."""
import asyncio


# [main]
async def dig(name, time, breaks):
    try:
        await asyncio.sleep(time)
        if breaks:
            raise RuntimeError(f"{name}: the spade broke")
        print(f"{name}: done")
    except asyncio.CancelledError:
        print(f"{name}: puts the spade away")
        raise


async def main():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(dig("Ava", 1, False))
            group.create_task(dig("Bita", 2, True))
            group.create_task(dig("Cyrus", 3, False))
    except* RuntimeError as broken:
        for error in broken.exceptions:
            print(f"std::runtime_error: {error}")
    print(f"tasks left: {len(asyncio.all_tasks()) - 1}")


asyncio.run(main())
# [main]
