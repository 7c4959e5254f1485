"""Every warning goes through utils.errors.warn, which records it for the report."""

import ast

from test_imports import MODULES

# The only functions that write to standard error, or flush it, themselves.
WRITERS = {
    "main": ["fail"],  # the reason for the end of the process
    "utils.errors": ["warn"],
    "utils.runtime.signals": ["_print"],  # called in the thread that receives signals
    "utils.runtime.start": ["_flush"],
}


def writers(source):
    """Return the names of the functions, or "" for the module, that write to standard error, or warn or log."""
    parents, found = {}, set()
    for node in ast.walk(ast.parse(source)):
        parents.update(dict.fromkeys(ast.iter_child_nodes(node), node))
        name = f"{getattr(node.value, 'id', '')}.{node.attr}" if isinstance(node, ast.Attribute) else ""
        is_log = isinstance(node, ast.Import) and node.names[0].name == "logging"
        if is_log or name in ("warnings.warn", "os.write") or name.endswith((".stderr", ".__stderr__")):
            while node in parents and not isinstance(node, ast.FunctionDef):
                node = parents[node]
            found.add(getattr(node, "name", ""))
    return sorted(found)


def test_only_these_functions_write_to_standard_error():
    found = {}
    for module, path in MODULES.items():
        with open(path, encoding="utf-8") as file:
            found[module] = writers(file.read())
    assert {module: names for module, names in found.items() if names} == WRITERS


def test_each_way_to_write_to_standard_error_is_found():
    source = "import sys\ndef a():\n    def b():\n        print(file=sys.stderr)\n    warnings.warn('x')\n"
    assert writers(source + "sys.__stderr__.write('x')\ndef c():\n    os.write(2, b'x')\n") == ["", "a", "b", "c"]
    assert writers("import logging\nwith warnings.catch_warnings(): print('x')\n") == [""]
