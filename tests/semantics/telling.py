# SPDX-License-Identifier: BSL-1.0
"""What the Python side of a comparison prints with: see trace.hpp."""

import asyncio


def _word(value):
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if isinstance(value, BaseException):
        return type(value).__name__
    return str(value)


def say(*words):
    print(*map(_word, words), flush=True)


def error_name(error):
    name = type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        return name + "[" + " ".join(map(error_name, error.exceptions)) + "]"
    return name


async def error_of(awaitable):
    try:
        await awaitable
    except BaseException as error:
        return error_name(error)
    return "None"


def now():
    return str(round(asyncio.get_running_loop().time() * 1000))
