"""Asks libmodulemd about files, one path a line: `fine`, or what is wrong, on a line for each.

What is called is what libdnf calls when it reads the modules of a repository.
"""

import ctypes
import os
import sys

library = ctypes.CDLL("libmodulemd.so.2")
glib = ctypes.CDLL("libglib-2.0.so.0")


class GError(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p)]


class GPtrArray(ctypes.Structure):
    _fields_ = [("data", ctypes.POINTER(ctypes.c_void_p)), ("length", ctypes.c_uint)]


Error = ctypes.POINTER(GError)
pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int


def function(name, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


new_index = function("modulemd_module_index_new", pointer)
update = function(
    "modulemd_module_index_update_from_string", number, pointer, text, number,
    ctypes.POINTER(ctypes.POINTER(GPtrArray)), ctypes.POINTER(Error),
)
new_merger = function("modulemd_module_index_merger_new", pointer)
associate = function("modulemd_module_index_merger_associate_index", None, pointer, pointer, number)
resolve = function("modulemd_module_index_merger_resolve", pointer, pointer, ctypes.POINTER(Error))
upgrade_streams = function("modulemd_module_index_upgrade_streams", number, pointer, number, ctypes.POINTER(Error))
upgrade_defaults = function("modulemd_module_index_upgrade_defaults", number, pointer, number, ctypes.POINTER(Error))
failure_of = function("modulemd_subdocument_info_get_gerror", Error, pointer)


def words(error):
    return error.contents.message.decode(errors="replace") if error else ""


def judge(path):
    with open(path, "rb") as file:
        content = file.read()
    index, failures, error = new_index(), ctypes.POINTER(GPtrArray)(), Error()
    done = update(index, content, 0, ctypes.byref(failures), ctypes.byref(error))
    if error:
        return f"aborts: {words(error)}"
    if not done or (failures and failures.contents.length):
        found = [words(failure_of(failures.contents.data[at])) for at in range(failures.contents.length)]
        return f"leaves out: {'; '.join(found)}"
    merger = new_merger()
    associate(merger, index, 0)
    resulting = resolve(merger, ctypes.byref(error))
    if error or not resulting:
        return f"does not resolve: {words(error)}"
    if not upgrade_streams(resulting, 2, ctypes.byref(error)) or error:
        return f"does not upgrade the streams: {words(error)}"
    if not upgrade_defaults(resulting, 1, ctypes.byref(error)) or error:
        return f"does not upgrade the defaults: {words(error)}"
    return "fine"


def judge_apart(path):
    """The library may crash."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writing, judge(path).replace("\n", " ").encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        verdict = answer.read().decode(errors="replace")
    status = os.waitpid(child, 0)[1]
    return verdict if status == 0 else f"crashes: {status}"


for line in sys.stdin:
    print(judge_apart(line.rstrip("\n")))
