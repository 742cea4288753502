"""What CPython and Alembic say, for the tests to compare with. Reads one JSON request from stdin, writes one JSON answer to stdout.

{"trees": [source, …]}       each: {"tree": our form of CPython's syntax tree} or {"refused": line}
{"refused": [source, …]}     each: the line that CPython's compiler refuses, or null
{"histories": [{"folder": script location, "versions": [version folder, …], "recursive": bool}, …]}
                             each: what Alembic's ScriptDirectory makes of the folders
{"headers": [path, …]}       each: what the module holds once Python has run it
"""
import ast
import importlib
import json
import signal
import sys
import warnings

warnings.simplefilter("ignore")
sys.setrecursionlimit(20_000)

BINARY = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "MatMult": "@", "Pow": "**", "LShift": "<<", "RShift": ">>", "BitOr": "|", "BitXor": "^", "BitAnd": "&"}
UNARY = {"UAdd": "+", "USub": "-", "Invert": "~", "Not": "not"}
COMPARE = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not", "In": "in", "NotIn": "not in"}
OPERATORS = {"And": "and", "Or": "or"}


def op(node, table):
    return table[type(node).__name__]


def strings(parts):
    """Neighbouring texts are one, empty ones none."""
    joined = []
    for part in parts:
        if part[0] == "String" and joined and joined[-1][0] == "String":
            joined[-1] = ["String", joined[-1][1] + part[1], []]
        else:
            joined.append(part)
    return [part for part in joined if part != ["String", "", []]]


def number(value):
    return repr(value)


def block(statements):
    return ["Block", "", [form(one) for one in statements]]


def suite(statements):
    return block(statements) if statements else None


def parameters(a):
    positional = a.posonlyargs + a.args
    defaults = [None] * (len(positional) - len(a.defaults)) + a.defaults
    out = []
    for index, (arg, default) in enumerate(zip(positional, defaults)):
        out.append(["Param", arg.arg, [form(arg.annotation), form(default)]])
        if a.posonlyargs and index == len(a.posonlyargs) - 1:
            out.append(["Slash", "", []])
    if a.vararg:
        out.append(["VarParam", a.vararg.arg, [form(a.vararg.annotation), None]])
    elif a.kwonlyargs:
        out.append(["Star", "", []])
    for arg, default in zip(a.kwonlyargs, a.kw_defaults):
        out.append(["Param", arg.arg, [form(arg.annotation), form(default)]])
    if a.kwarg:
        out.append(["KwParam", a.kwarg.arg, [form(a.kwarg.annotation), None]])
    return ["Params", "", out]


def comprehension(c):
    return ["Comprehension", "async" if c.is_async else "", [form(c.target), form(c.iter), *map(form, c.ifs)]]


def arguments(call):
    # In the order in which they are written.
    both = [(one.lineno, one.col_offset, form(one)) for one in call.args if not isinstance(one, ast.keyword)] if isinstance(call, ast.Call) else [(one.lineno, one.col_offset, form(one)) for one in call.bases]
    both += [(one.lineno, one.col_offset, ["Keyword", one.arg or "", [form(one.value)]]) for one in call.keywords]
    return [one for *_, one in sorted(both, key=lambda item: item[:2])]


def alias(a):
    return ["Alias", a.name, [["Name", a.asname, []]] if a.asname else []]


def pattern(p):
    name = type(p).__name__
    if name == "MatchValue":
        return ["ValuePattern", "", [form(p.value)]]
    if name == "MatchSingleton":
        return ["ValuePattern", "", [["Constant", repr(p.value), []]]]
    if name == "MatchSequence":
        return ["SequencePattern", "", [pattern(one) for one in p.patterns]]
    if name == "MatchStar":
        return ["StarPattern", p.name or "_", []]
    if name == "MatchAs":
        if p.pattern is None:
            return ["CapturePattern", p.name or "_", []]
        return ["AsPattern", p.name, [pattern(p.pattern)]]
    if name == "MatchOr":
        return ["OrPattern", "", [pattern(one) for one in p.patterns]]
    if name == "MatchMapping":
        pairs = [["PairPattern", "", [form(key), pattern(value)]] for key, value in zip(p.keys, p.patterns)]
        return ["MappingPattern", "", pairs + ([["RestPattern", p.rest, []]] if p.rest else [])]
    keywords = [["KeywordPattern", key, [pattern(value)]] for key, value in zip(p.kwd_attrs, p.kwd_patterns)]
    return ["ClassPattern", "", [form(p.cls), *[pattern(one) for one in p.patterns], *keywords]]


def form(n):
    """Our form of a node: [kind, text, items]."""
    if n is None:
        return None
    name = type(n).__name__
    if name == "Module":
        return ["Module", "", [form(one) for one in n.body]]
    if name in ("FunctionDef", "AsyncFunctionDef"):
        return [name, n.name, [["Decorators", "", [form(one) for one in n.decorator_list]], None, parameters(n.args), form(n.returns), block(n.body)]]
    if name == "ClassDef":
        return [name, n.name, [["Decorators", "", [form(one) for one in n.decorator_list]], None, ["Arguments", "", arguments(n)], block(n.body)]]
    if name == "Return":
        return ["Return", "", [form(n.value)]]
    if name == "Delete":
        return ["Delete", "", [form(one) for one in n.targets]]
    if name == "Assign":
        return ["Assign", "", [*[form(one) for one in n.targets], form(n.value)]]
    if name == "AnnAssign":
        return ["AnnAssign", "", [form(n.target), form(n.annotation), form(n.value)]]
    if name == "AugAssign":
        return ["AugAssign", op(n.op, BINARY) + "=", [form(n.target), form(n.value)]]
    if name in ("For", "AsyncFor"):
        return [name, "", [form(n.target), form(n.iter), block(n.body), suite(n.orelse)]]
    if name == "While":
        return ["While", "", [form(n.test), block(n.body), suite(n.orelse)]]
    if name == "If":
        return ["If", "", [form(n.test), block(n.body), suite(n.orelse)]]
    if name in ("With", "AsyncWith"):
        return [name, "", [*[["WithItem", "", [form(one.context_expr), form(one.optional_vars)]] for one in n.items], block(n.body)]]
    if name == "Match":
        return ["Match", "", [form(n.subject), *[["Case", "", [pattern(one.pattern), form(one.guard), block(one.body)]] for one in n.cases]]]
    if name == "Raise":
        return ["Raise", "", [form(n.exc), form(n.cause)]]
    if name in ("Try", "TryStar"):
        handlers = [["Handler", one.name or "", [form(one.type), block(one.body)]] for one in n.handlers]
        last = [["Else", "", [form(one) for one in n.orelse]] if n.orelse else None, ["Finally", "", [form(one) for one in n.finalbody]] if n.finalbody else None]
        return ["Try", "*" if name == "TryStar" else "", [block(n.body), *handlers, *last]]
    if name == "Assert":
        return ["Assert", "", [form(n.test), form(n.msg)]]
    if name == "Import":
        return ["Import", "", [alias(one) for one in n.names]]
    if name == "ImportFrom":
        return ["ImportFrom", "." * n.level + (n.module or ""), [alias(one) for one in n.names]]
    if name in ("Global", "Nonlocal"):
        return [name, " ".join(n.names), []]
    if name == "Expr":
        return ["Expr", "", [form(n.value)]]
    if name in ("Pass", "Break", "Continue"):
        return [name, "", []]
    if name == "BoolOp":
        return ["Bool", op(n.op, OPERATORS), [form(one) for one in n.values]]
    if name == "NamedExpr":
        return ["Named", "", [form(n.target), form(n.value)]]
    if name == "BinOp":
        return ["Binary", op(n.op, BINARY), [form(n.left), form(n.right)]]
    if name == "UnaryOp":
        return ["Unary", op(n.op, UNARY), [form(n.operand)]]
    if name == "Lambda":
        return ["Lambda", "", [parameters(n.args), form(n.body)]]
    if name == "IfExp":
        return ["IfExp", "", [form(n.body), form(n.test), form(n.orelse)]]
    if name == "Dict":
        return ["Dict", "", [["Pair", "", [form(key), form(value)]] for key, value in zip(n.keys, n.values)]]
    if name in ("Set", "List", "Tuple"):
        return [name, "", [form(one) for one in n.elts]]
    if name in ("ListComp", "SetComp", "GeneratorExp"):
        return [name, "", [form(n.elt), *map(comprehension, n.generators)]]
    if name == "DictComp":
        return [name, "", [["Pair", "", [form(n.key), form(n.value)]], *map(comprehension, n.generators)]]
    if name == "Await":
        return ["Await", "", [form(n.value)]]
    if name == "Yield":
        return ["Yield", "", [form(n.value)]]
    if name == "YieldFrom":
        return ["YieldFrom", "", [form(n.value)]]
    if name == "Compare":
        return ["Compare", " ".join(op(one, COMPARE) for one in n.ops), [form(n.left), *map(form, n.comparators)]]
    if name == "Call":
        return ["Call", "", [form(n.func), *arguments(n)]]
    if name == "FormattedValue":
        spec = None if n.format_spec is None else ["FString", "", strings([form(one) for one in n.format_spec.values])]
        return ["Field", "!" + (chr(n.conversion) if n.conversion > 0 else ""), [form(n.value), spec]]
    if name == "JoinedStr":
        parts = strings([form(one) for one in n.values])
        if all(part[0] == "String" for part in parts):
            return ["String", "".join(part[1] for part in parts), []]
        return ["FString", "", parts]
    if name == "Constant":
        value = n.value
        if isinstance(value, str):
            return ["String", value, []]
        if isinstance(value, bytes):
            return ["Bytes", value.decode("latin1"), []]
        if value is Ellipsis:
            return ["Constant", "Ellipsis", []]
        if value is None or isinstance(value, bool):
            return ["Constant", repr(value), []]
        return ["Number", number(value), []]
    if name == "Attribute":
        return ["Attribute", n.attr, [form(n.value)]]
    if name == "Subscript":
        return ["Subscript", "", [form(n.value), form(n.slice)]]
    if name == "Starred":
        return ["Starred", "", [form(n.value)]]
    if name == "Name":
        return ["Name", n.id, []]
    if name == "Slice":
        return ["Slice", "", [form(n.lower), form(n.upper), form(n.step)]]
    raise NotImplementedError(name)


def refused(source):
    try:
        compile(source, "file.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return getattr(error, "lineno", None) or 1
    return None


def tree(source):
    line = refused(source)
    return {"refused": line} if line is not None else {"tree": form(ast.parse(source))}


class Hangs(Exception):
    """Alembic walks in some circles for ever."""


def hangs(*_):
    raise Hangs()


def history(request):
    # The time is for walking the graph: on a busy machine the first import alone takes as long.
    importlib.import_module("alembic.script")
    signal.signal(signal.SIGVTALRM, hangs)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
    try:
        return loaded(request)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def loaded(request):
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", request["folder"])
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(request["versions"]))
    config.set_main_option("recursive_version_locations", "true" if request["recursive"] else "false")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            script = ScriptDirectory.from_config(config)
            revisions = script.revision_map
            revisions._revision_map
        except Exception as error:
            return {"error": type(error).__name__, "message": str(error)}
    scripts = [one for key, one in revisions._revision_map.items() if key and one is not None and key == one.revision]
    walk = None
    try:
        list(script.walk_revisions())
    except Exception as error:
        walk = type(error).__name__
    return {
        "heads": sorted(script.get_heads()),
        "bases": sorted(script.get_bases()),
        "parents": {one.revision: sorted(one._versioned_down_revisions) for one in scripts},
        "dependencies": {one.revision: sorted(one._resolved_dependencies) for one in scripts},
        "files": {one.revision: one.path for one in scripts},
        "warnings": [str(one.message) for one in caught],
        "walk": walk,
    }


def header(path):
    space = {"__name__": "revision", "__file__": path}
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec", dont_inherit=True), space)
    except Exception as error:
        return {"error": type(error).__name__}
    names = ("revision", "down_revision", "depends_on", "branch_labels")
    return {name: list(space[name]) if isinstance(space[name], (tuple, list, set)) else space[name] for name in names if name in space}


HANDLERS = {"trees": tree, "refused": refused, "histories": history, "headers": header}
request = json.load(sys.stdin)
(kind, values), = request.items()
json.dump([HANDLERS[kind](one) for one in values], sys.stdout)
