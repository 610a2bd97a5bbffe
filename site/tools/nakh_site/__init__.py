# SPDX-License-Identifier: BSL-1.0
"""The site's generator: standard library only, and nothing of it runs inside the site builder.

problem    what is wrong and where; every module reports through it
markdown   which part of a Markdown file is prose, and which is code
regions    cuts a marked region out of a source file
programs   runs the built examples and holds them to their stored output
trace      what a program's trace says: tasks, waits, steps
words      the words of drawings and step lists in both languages
timeline   draws a trace
stepping   a trace step by step
pages      directives, twins: from site/{fa,en} to the staging folder
measurements  tables and plots from stored measurements
catalogue  the table of asyncio's behaviours, from the tests
abbreviations  what they mean, shown on hover
persian    what Persian prose must and must not contain; the mark after "C++"
search     other spellings for the search index
html       checks of the built pages: links, anchors, other hosts, twins
builder    the whole build, put in place in one move
server     the site on 127.0.0.1, rebuilt and reloaded on change
command    the command line
"""
