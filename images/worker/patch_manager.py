#!/usr/bin/env python3
"""Applies, lists, verifies and reverts sets of patches on a workspace, all or nothing.

A set is a directory of *.patch and *.diff files, taken in the order of their names, or one with a manifest.json, or a manifest itself:
  {"id": "fix-login", "description": "...", "patches": ["01.patch", {"file": "02.diff", "sha256": "..."}]}

A set is first applied to copies (`git apply`, as in no repository, whatever the workspace is). What came out of that is
checked, written down in a journal (<workspace>/.patchctl/), and only then moved into place: who is killed after that is
completed by the next call, who is killed before that has changed nothing, and what cannot be moved into place is put back.
Exit status: 0 done, 1 it does not fit the workspace, 2 it could not be tried.
"""

import argparse
import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import time

HOME = ".patchctl"
FILE_LIMIT = 64 * 1024 * 1024
PATCH_LIMIT = 64 * 1024 * 1024
PATCHES_LIMIT = 1000
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
SAFE_OPEN = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

# Each code's exit status and the next step.
CODES = {
    "USAGE": (2, "See `patchctl --help`."),
    "WORKSPACE_INVALID": (2, "Name the workspace's directory with --workspace."),
    "SET_INVALID": (2, "Mend the set; see `patchctl --help` for its form."),
    "SET_UNSAFE": (2, "Take that patch out of the set; look at where it came from."),
    "SET_CHECKSUM": (2, "Get the patch again, or correct its sha256 in the manifest."),
    "SET_EXISTS": (2, "Revert the set of that id first, or give this one another id."),
    "SET_NOT_FOUND": (2, "See `patchctl list`."),
    "PATCH_FAILED": (1, "See that the workspace has the version that the patch is for; nothing was changed."),
    "LATER_CHANGES": (1, "Take the later changes back first; nothing was changed."),
    "DRIFT": (1, "Put the files back, or revert the set before changing them."),
    "RECOVERY": (1, "Put the file as it was before or after (the copies that are named), then repeat."),
    "BUSY": (2, "Wait until the other patchctl is done, or give --wait SECONDS."),
    "STATE_INVALID": (2, f"Restore {HOME}/state.json in the workspace from a backup."),
    "GIT_MISSING": (2, "Install git."),
    "IO_FAILED": (2, "See that the workspace is writable and the disk has room, then repeat."),
}


class PatchError(Exception):
    def __init__(self, code, message, **facts):
        super().__init__(message)
        self.code, self.message, self.facts = code, message, facts


def main(arguments):
    options = parse(arguments)
    try:
        with Workspace(options.workspace, options.wait, options.command == "apply") as workspace:
            answer, text, status = COMMANDS[options.command](workspace, options)
    except PatchError as error:
        return fail(error, options.json, options.command)
    except OSError as error:
        name = f": {error.filename!r}" if error.filename else ""
        return fail(PatchError("IO_FAILED", f"{error.strerror or error}{name}"), options.json, options.command)
    if options.json:
        print(json.dumps({"ok": status == 0, "command": options.command, **answer}))
    elif text:
        print(printable(text))
    return status


def fail(error, as_json, command):
    status, following = CODES[error.code]
    if as_json:
        told = {"code": error.code, "message": error.message, "next": following, **error.facts}
        print(json.dumps({"ok": False, "command": command, "error": told}))
    else:
        print(printable(f"patchctl: {error.message} ({error.code})\n{following}"), file=sys.stderr)
    return status


def printable(text):
    """Names out of a patch must not command the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise PatchError("USAGE", message)


def duration(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return seconds


def parse(arguments):
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--workspace", default=argparse.SUPPRESS, help="the directory to patch (the current one)")
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer with one line of JSON")
    common.add_argument("--wait", type=duration, default=argparse.SUPPRESS, metavar="SECONDS", help="for another patchctl (10)")
    parser = Parser(prog="patchctl", description=__doc__, parents=[common], formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    apply = commands.add_parser("apply", parents=[common], help="apply a set")
    apply.add_argument("set", help="its directory or manifest")
    apply.add_argument("--id", help="instead of the manifest's or the directory's name")
    apply.add_argument("--dry-run", action="store_true", help="only say whether it fits and what it would change")
    commands.add_parser("list", parents=[common], help="the applied sets, oldest first")
    verify = commands.add_parser("verify", parents=[common], help="whether the patched files are still as they were left")
    verify.add_argument("id", nargs="?", help="one set (all)")
    revert = commands.add_parser("revert", parents=[common], help="take a set back")
    revert.add_argument("id", nargs="?", help="the set (the last one)")
    commands.add_parser("status", parents=[common], help="what is applied, and whether it is intact")
    as_json = "--json" in arguments
    try:
        options = parser.parse_args(arguments, argparse.Namespace(workspace=".", json=False, wait=10.0))
    except PatchError as error:
        sys.exit(fail(error, as_json, None))
    return options


# The workspace: its lock, its journal, its files. Everything in it is opened step by step from its own descriptor and without following
# links, because what runs in the workspace may change it at the same time.


EMPTY = {"version": 1, "sets": [], "files": {}}


class Workspace:
    def __init__(self, directory, wait, create):
        self.path = os.path.realpath(directory)
        self.home_path = os.path.join(self.path, HOME)
        self.wait = wait
        self.create = create
        self.home = self.lock = None
        self.recovered = False

    def __enter__(self):
        try:
            self.root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise PatchError("WORKSPACE_INVALID", f"{self.path!r} is no directory that can be opened: {error.strerror}") from error
        try:
            self.home = self.open_home()
            if self.home is None:
                self.state = EMPTY
                return self
            self.take_lock()
            self.sweep()
            self.state = self.read_state()
            self.recover()
        except BaseException:
            self.__exit__()
            raise
        return self

    def open_home(self):
        """Who only looks makes nothing: None where no set was ever applied."""
        try:
            if self.create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(HOME, 0o700, dir_fd=self.root)
            return os.open(HOME, os.O_RDONLY | os.O_DIRECTORY | SAFE_OPEN, dir_fd=self.root)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise PatchError("WORKSPACE_INVALID", f"{HOME} in {self.path!r} is not a directory of its own") from error
            raise

    def __exit__(self, *_):
        # Closing the lock's file gives the lock up, as being killed does.
        for descriptor in (self.lock, self.home, self.root):
            if descriptor is not None:
                os.close(descriptor)

    def take_lock(self):
        self.lock = os.open("lock", os.O_RDWR | os.O_CREAT | SAFE_OPEN, 0o600, dir_fd=self.home)
        deadline = time.monotonic() + self.wait
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise PatchError("BUSY", f"another patchctl works on {self.path!r}") from None
                time.sleep(0.05)

    def sweep(self):
        """Removes what somebody who was killed before the journal was written left behind."""
        for name in os.listdir(self.home):
            if name.startswith("stage-") or name.endswith(".new"):
                remove(os.path.join(self.home_path, name))

    # State: the applied sets in their order, and how each file that they touch was left.

    def read_state(self):
        held = self.read_home("state.json")
        if held is None:
            return EMPTY
        try:
            state = json.loads(held)
            assert state["version"] == 1
            for one in state["sets"]:
                assert ID.fullmatch(one["id"]) and isinstance(one["paths"], list) and isinstance(one["description"], str)
                assert all(SHA256.fullmatch(patch["sha256"]) and isinstance(patch["file"], str) for patch in one["patches"])
            for path, left in state["files"].items():
                assert isinstance(path, str) and (left is None or SHA256.fullmatch(left["sha256"]))
        except (ValueError, AssertionError, KeyError, TypeError, AttributeError) as error:
            raise PatchError("STATE_INVALID", f"{HOME}/state.json in {self.path!r} cannot be read") from error
        return state

    def find(self, wanted):
        for one in self.state["sets"]:
            if one["id"] == wanted:
                return one
        raise PatchError("SET_NOT_FOUND", f"no set {wanted!r} is applied")

    def drift(self, paths):
        """What of these files is not as patchctl left it."""
        found = []
        for path in sorted(paths):
            left = self.state["files"].get(path)
            now = self.look(path)
            if now != left:
                found.append({"path": path, "what": "missing" if now is None else "there again" if left is None else "changed"})
        return found

    # Files of the patchctl directory: written whole or not at all.

    def read_home(self, name):
        try:
            descriptor = os.open(name, os.O_RDONLY | SAFE_OPEN, dir_fd=self.home)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PatchError("STATE_INVALID", f"{HOME}/{name} is no regular file")
            return file.read(FILE_LIMIT)

    def write_home(self, name, content):
        descriptor = os.open(f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN, 0o600, dir_fd=self.home)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(f"{name}.new", name, src_dir_fd=self.home, dst_dir_fd=self.home)
        os.fsync(self.home)

    # Files of the workspace.

    @contextlib.contextmanager
    def parent(self, path, create=False):
        """The descriptor of the directory that `path` is in, and its last name. None where a directory on the way is missing."""
        *directories, name = path.split("/")
        held = os.dup(self.root)
        try:
            for directory in directories:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(directory, dir_fd=held)
                try:
                    following = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | SAFE_OPEN, dir_fd=held)
                except FileNotFoundError:
                    yield None, name
                    return
                except OSError as error:
                    if error.errno in (errno.ELOOP, errno.ENOTDIR):
                        message = f"{path!r} leads through {directory!r}, which is no directory of the workspace"
                        raise PatchError("SET_UNSAFE", message) from error
                    raise
                os.close(held)
                held = following
            yield held, name
        finally:
            os.close(held)

    def open(self, path):
        """A regular file of the workspace, or None."""
        with self.parent(path) as (directory, name):
            if directory is None:
                return None
            try:
                descriptor = os.open(name, os.O_RDONLY | SAFE_OPEN, dir_fd=directory)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENXIO):
                    raise PatchError("SET_UNSAFE", f"{path!r} is a link or a device in the workspace") from error
                raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise PatchError("SET_UNSAFE", f"{path!r} is no regular file in the workspace")
        return open(descriptor, "rb")

    def look(self, path):
        """What a file is: its content's hash and whether it may be executed."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            return shape_of(file)

    # A transaction: journal.json with the new state and all changes; the new files under transaction/.

    def commit(self, stage, changes, state):
        for change in changes:
            if self.look(change["path"]) != change["before"]:
                message = f"{change['path']!r} was changed while the set was being applied"
                raise PatchError("LATER_CHANGES", message, path=change["path"])
        remove(os.path.join(self.home_path, "transaction"))
        os.rename(stage, "transaction", src_dir_fd=self.home, dst_dir_fd=self.home)
        self.complete_or_undo(changes, state)

    def recover(self):
        """Completes what a killed patchctl had written into its journal."""
        held = self.read_home("journal.json")
        if held is None:
            remove(os.path.join(self.home_path, "transaction"))
            return
        try:
            journal = json.loads(held)
            changes, state, undo = journal["changes"], journal["state"], journal["undo"]
            for change in changes:
                check_path(change["path"])
                assert re.fullmatch(r"\d{1,9}", change["copy"]) and {"before", "after"} <= change.keys()
            assert state["version"] == 1
        except (ValueError, AssertionError, KeyError, TypeError, AttributeError) as error:
            raise PatchError("STATE_INVALID", f"{HOME}/journal.json in {self.path!r} cannot be read") from error
        for change in changes:
            if self.look(change["path"]) not in (change["before"], change["after"]):
                copies = os.path.join(self.home_path, "transaction")
                raise PatchError(
                    "RECOVERY",
                    f"{change['path']!r} was changed by somebody else after patchctl was killed; its copies are "
                    f"{copies}/before/{change['copy']} and {copies}/after/{change['copy']}",
                    path=change["path"],
                )
        if undo:
            self.undo(changes, state)
        else:
            self.complete_or_undo(changes, state)
        self.recovered = True

    def complete_or_undo(self, changes, state):
        before = self.state
        try:
            self.write_home("journal.json", json.dumps({"changes": changes, "state": state, "undo": False}).encode())
            self.complete(changes, state)
        except (OSError, PatchError):
            # From here on there is no way forward: the new files that were moved are gone with their being undone.
            self.write_home("journal.json", json.dumps({"changes": changes, "state": before, "undo": True}).encode())
            self.undo(changes, before)
            raise

    def complete(self, changes, state):
        """Every step may be repeated: what is done already is left as it is."""
        for change in changes:
            if self.look(change["path"]) != change["after"]:
                self.put(change["path"], "after", change)
        self.conclude(state)

    def undo(self, changes, state):
        for change in reversed(changes):
            if self.look(change["path"]) != change["before"]:
                self.put(change["path"], "before", change)
        self.conclude(state)

    def conclude(self, state):
        self.write_home("state.json", json.dumps(state, indent=1).encode())
        os.unlink("journal.json", dir_fd=self.home)
        os.fsync(self.home)
        self.state = state
        kept = {patch["sha256"] for one in state["sets"] for patch in one["patches"]}
        # It is done: what cannot be cleared away now is cleared away by the next call.
        with contextlib.suppress(OSError):
            remove(os.path.join(self.home_path, "transaction"))
            for name in os.listdir(self.home):
                if name.startswith("patch-") and name.removeprefix("patch-") not in kept:
                    os.unlink(name, dir_fd=self.home)

    def put(self, path, side, change):
        """Makes the file what it was `before` or is to be `after`."""
        wanted = change[side]
        with self.parent(path, create=wanted is not None) as (directory, name):
            if wanted is None:
                if directory is not None:
                    os.unlink(name, dir_fd=directory)
                    os.fsync(directory)
            else:
                copy = f"{HOME}/transaction/{side}/{change['copy']}"
                try:
                    os.rename(copy, name, src_dir_fd=self.root, dst_dir_fd=directory)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    self.put_across(copy, directory, name)
                os.fsync(directory)
        if wanted is None:
            self.prune(path)

    def put_across(self, copy, directory, name):
        """The directory is another file system: the copy must be made there before it can be renamed."""
        near = f".{name[:200]}.patchctl"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(near, dir_fd=directory)
        source = os.open(copy, os.O_RDONLY | SAFE_OPEN, dir_fd=self.root)
        target = os.open(near, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN, 0o600, dir_fd=directory)
        with open(source, "rb") as reader, open(target, "wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            like(os.fstat(source), target)
            os.fsync(target)
        os.rename(near, name, src_dir_fd=directory, dst_dir_fd=directory)

    def prune(self, path):
        """Directories that a deletion leaves empty go with it, as git has none of its own."""
        while "/" in path:
            path = path.rpartition("/")[0]
            with self.parent(path) as (directory, name):
                if directory is None:
                    return
                try:
                    os.rmdir(name, dir_fd=directory)
                except OSError:
                    return


def shape_of(file):
    executable = bool(os.fstat(file.fileno()).st_mode & 0o100)
    return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "executable": executable}


def like(status, descriptor):
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def remove(path):
    """A file or a whole directory of patchctl's own."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass


# Sets.


def read_set(place, wanted):
    manifest = os.path.join(place, "manifest.json") if os.path.isdir(place) else place
    held = {}
    if os.path.isdir(place) and not os.path.exists(manifest):
        folder = place
        entries = sorted(name for name in os.listdir(place) if name.endswith((".patch", ".diff")))
    else:
        folder = os.path.dirname(manifest) or "."
        try:
            held = json.loads(read_limited(manifest, 1024 * 1024))
            entries = held["patches"]
            assert isinstance(entries, list) and isinstance(held.get("description", ""), str)
        except FileNotFoundError as error:
            raise PatchError("SET_INVALID", f"there is no set at {place!r}") from error
        except (ValueError, AssertionError, KeyError, TypeError) as error:
            raise PatchError("SET_INVALID", f"{manifest!r} is no manifest with a list `patches`") from error
    if not entries or len(entries) > PATCHES_LIMIT:
        message = f"the set at {place!r} has {len(entries)} patches; 1 to {PATCHES_LIMIT} can be applied together"
        raise PatchError("SET_INVALID", message)
    named = wanted or held.get("id") or os.path.basename(os.path.realpath(place)).removesuffix(".json")
    if not isinstance(named, str) or not ID.fullmatch(named):
        raise PatchError("SET_INVALID", f"{named!r} is no id: letters, digits, dots, dashes and underscores, 64 at most")
    patches = [read_patch(folder, entry) for entry in entries]
    if sum(len(patch["content"]) for patch in patches) > PATCH_LIMIT:
        raise PatchError("SET_INVALID", f"the set at {place!r} is larger than {PATCH_LIMIT} bytes")
    return named, held.get("description", ""), patches


def read_patch(folder, entry):
    entry = {"file": entry} if isinstance(entry, str) else entry
    name = entry.get("file") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name or "\0" in name or os.path.isabs(name) or ".." in name.split("/"):
        raise PatchError("SET_INVALID", f"{entry!r} names no patch inside the set")
    # A set may come from anybody: a link in it must not make another file of this machine into a patch.
    if not os.path.realpath(os.path.join(folder, name)).startswith(os.path.realpath(folder) + os.sep):
        raise PatchError("SET_UNSAFE", f"{name!r} leads out of the set")
    try:
        content = read_limited(os.path.join(folder, name), PATCH_LIMIT)
    except FileNotFoundError as error:
        raise PatchError("SET_INVALID", f"the set's patch {name!r} is missing") from error
    digest = hashlib.sha256(content).hexdigest()
    wanted = entry.get("sha256")
    if wanted is not None and wanted != digest:
        raise PatchError("SET_CHECKSUM", f"{name!r} has the sha256 {digest} and not {wanted}", file=name)
    return {"file": name, "sha256": digest, "content": content}


def read_limited(path, limit):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PatchError("SET_INVALID", f"{path!r} is no regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise PatchError("SET_INVALID", f"{path!r} is larger than {limit} bytes")
    return content


def check_path(path, patch=""):
    """A path that a patch may touch: inside the workspace, and no repository's or patchctl's own."""
    parts = path.split("/")
    where = f" in {patch!r}" if patch else ""
    if path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PatchError("SET_UNSAFE", f"{path!r}{where} leads out of the workspace", path=path)
    for part in parts:
        # Also the names that other file systems take for the same.
        if re.sub(r"[\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", "", part).rstrip(". ").lower() in (".git", "git~1", HOME):
            raise PatchError("SET_UNSAFE", f"{path!r}{where} is in {part!r}, which no patch may touch", path=path)


HUNK = re.compile(rb"@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
LINK_MODE = re.compile(rb"(?:(?:new|deleted) file mode|old mode|new mode|index [0-9a-f]+\.\.[0-9a-f]+) (120000|160000)")
# How a line tells a file's name, and whether the name has a directory of git's own in front.
HEADERS = ((b"--- ", True), (b"+++ ", True), *((f"{what} {way} ".encode(), False) for what in ("rename", "copy") for way in ("from", "to")))


def paths_of(patch):
    """The files that a patch names: those that it needs to be there. A hunk's own lines are no headers, whatever they look like."""
    paths = set()
    name = patch["file"]
    old = new = 0
    for line in patch["content"].split(b"\n"):
        if old > 0 or new > 0:
            kind = line[:1]
            old -= kind in (b" ", b"-", b"")
            new -= kind in (b" ", b"+", b"")
            continue
        line = line.removesuffix(b"\r")
        hunk = HUNK.match(line)
        if hunk:
            old, new = (int(count) if count is not None else 1 for count in hunk.groups())
            continue
        if LINK_MODE.match(line):
            raise PatchError("SET_UNSAFE", f"{name!r} makes or changes a link or a submodule", file=name)
        for start, strip in HEADERS:
            if line.startswith(start):
                add_path(paths, unquote(line[len(start) :]), strip, name)
        if line.startswith(b"diff --git "):
            for one in git_names(line[len(b"diff --git ") :]):
                add_path(paths, one, True, name)
    if not paths:
        raise PatchError("SET_INVALID", f"{name!r} names no file: it is no patch", file=name)
    return paths


def add_path(paths, text, strip, patch):
    if text == "/dev/null":
        return
    if strip:
        # As `git apply -p1`: the first directory is `a/` or `b/`. What would be left of an absolute path is refused as such.
        if text.startswith("/"):
            check_path(text, patch)
        _, slash, text = text.partition("/")
        if not slash:
            return
    check_path(text, patch)
    paths.add(text)


def git_names(rest):
    """Both names of a `diff --git` line. Without quotes they are the same but for their first directory: git needs that, too."""
    if rest.startswith(b'"'):
        end = re.match(rb'"(?:[^"\\]|\\.)*"', rest)
        return [] if end is None else [unquote(end.group()), unquote(rest[end.end() + 1 :])]
    middle = len(rest) // 2
    first, second = rest[:middle], rest[middle + 1 :]
    if first.partition(b"/")[2] == second.partition(b"/")[2]:
        return [unquote(first), unquote(second)]
    return []


def unquote(raw):
    """A name as git writes it: in quotes when it has strange characters; else up to a tab, after which diff tells the time."""
    if not raw.startswith(b'"'):
        return os.fsdecode(raw.split(b"\t")[0])
    known = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}
    body = raw[1 : raw.rindex(b'"')] if raw.count(b'"') > 1 else raw[1:]

    def character(match):
        code = match[1]
        return bytes([known[code] if code in known else int(code, 8) & 255 if len(code) == 3 else code[0]])

    return os.fsdecode(re.sub(rb"\\([0-7]{3}|.)", character, body))


# Applying to copies.


@contextlib.contextmanager
def staged(workspace, paths):
    """A directory in patchctl's own with copies of these files, as far as they are there."""
    name = f"stage-{secrets.token_hex(8)}"
    stage = os.path.join(workspace.home_path, name)
    for directory in ("tree", "before", "after"):
        os.makedirs(os.path.join(stage, directory), 0o700)
    try:
        for path in sorted(paths):
            file = workspace.open(path)
            if file is None:
                continue
            with file:
                status = os.fstat(file.fileno())
                if status.st_size > FILE_LIMIT:
                    raise PatchError("PATCH_FAILED", f"{path!r} is larger than {FILE_LIMIT} bytes", path=path)
                target = os.path.join(stage, "tree", path)
                os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
                with open(target, "xb") as copy:
                    shutil.copyfileobj(file, copy)
                    os.fchmod(copy.fileno(), 0o755 if status.st_mode & 0o100 else 0o644)
        yield name, stage
    finally:
        remove(stage)


def run_git(stage, patch, reverse):
    source = os.path.join(stage, "patch")
    with open(source, "wb") as file:
        file.write(patch["content"])
    # No repository, no configuration and no attributes but those of the copies decide what git does.
    environment = {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "LC_ALL": "C.UTF-8",
        "GIT_CEILING_DIRECTORIES": stage,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
    }
    command = ["git", "apply", "-p1", "--whitespace=nowarn", *(["--reverse"] if reverse else []), "--", source]
    tree = os.path.join(stage, "tree")
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=300, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise PatchError("GIT_MISSING", "there is no git") from error
    except subprocess.TimeoutExpired as error:
        raise PatchError("PATCH_FAILED", f"git did not come to an end with {patch['file']!r}", file=patch["file"]) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
        raise PatchError("PATCH_FAILED", f"{patch['file']!r} does not apply: {said[:2000]}", file=patch["file"])


def changes_in(workspace, stage, paths):
    """What git made of the copies, against the workspace. What it left there is looked at itself, whatever the patches said."""
    made = {}
    tree = os.path.join(stage, "tree")
    for directory, _, names in os.walk(tree):
        for name in names:
            full = os.path.join(directory, name)
            path = os.path.relpath(full, tree)
            check_path(path)
            status = os.lstat(full)
            if not stat.S_ISREG(status.st_mode):
                raise PatchError("SET_UNSAFE", f"{path!r} would become a link", path=path)
            with open(full, "rb") as file:
                made[path] = shape_of(file)
    changes = []
    for path in sorted(paths | made.keys()):
        before, after = workspace.look(path), made.get(path)
        if before == after:
            continue
        if before is not None and path not in paths:
            raise PatchError("PATCH_FAILED", f"{path!r} would be made anew, but is there", path=path)
        change = {"path": path, "before": before, "after": after, "copy": str(len(changes))}
        keep_copies(workspace, stage, change)
        changes.append(change)
    for directory in ("before", "after", "."):
        sync(os.path.join(stage, directory))
    return changes


def keep_copies(workspace, stage, change):
    was = workspace.open(change["path"])
    status = None
    if was is not None:
        with was, open(os.path.join(stage, "before", change["copy"]), "xb") as copy:
            status = os.fstat(was.fileno())
            shutil.copyfileobj(was, copy)
            copy.flush()
            like(status, copy.fileno())
            os.fsync(copy.fileno())
    if change["after"] is None:
        return
    target = os.path.join(stage, "after", change["copy"])
    os.rename(os.path.join(stage, "tree", change["path"]), target)
    descriptor = os.open(target, os.O_RDONLY | SAFE_OPEN)
    try:
        if status is not None:
            like(status, descriptor)
        executable = change["after"]["executable"]
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode) if status is not None else 0o777 & ~mask()
        # Who may read may execute, as git has it.
        os.fchmod(descriptor, mode & ~0o7111 | ((mode & 0o444) >> 2 if executable else 0))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mask():
    held = os.umask(0o022)
    os.umask(held)
    return held


def sync(directory):
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Commands: each gives its answer for --json, its text, and its exit status.


def apply(workspace, options):
    named, description, patches = read_set(options.set, options.id)
    digests = [patch["sha256"] for patch in patches]
    for one in workspace.state["sets"]:
        if one["id"] == named:
            if [patch["sha256"] for patch in one["patches"]] == digests:
                return {"id": named, "changed": []}, f"{named} is applied already", 0
            raise PatchError("SET_EXISTS", f"another set {named!r} is applied")
    paths = set().union(*(paths_of(patch) for patch in patches))
    with staged(workspace, paths) as (name, stage):
        for patch in patches:
            run_git(stage, patch, reverse=False)
        changes = changes_in(workspace, stage, paths)
        if not changes:
            raise PatchError("PATCH_FAILED", f"{named!r} changes nothing")
        touched = [change["path"] for change in changes]
        if options.dry_run:
            return {"id": named, "changed": told(changes), "dryRun": True}, "\n".join([f"{named} fits:", *lines_of(changes)]), 0
        record = {
            "id": named,
            "description": description,
            "appliedAtMs": int(time.time() * 1000),
            "patches": [{"file": patch["file"], "sha256": patch["sha256"]} for patch in patches],
            "paths": touched,
        }
        files = {**workspace.state["files"], **{change["path"]: change["after"] for change in changes}}
        # A repository around the workspace is not to take patchctl's own files for the project's.
        workspace.write_home(".gitignore", b"*\n")
        for patch in patches:
            workspace.write_home(f"patch-{patch['sha256']}", patch["content"])
        workspace.commit(name, changes, {"version": 1, "sets": [*workspace.state["sets"], record], "files": files})
    return {"id": named, "changed": told(changes)}, "\n".join([f"applied {named}:", *lines_of(changes)]), 0


def revert(workspace, options):
    sets = workspace.state["sets"]
    if options.id is None and not sets:
        raise PatchError("SET_NOT_FOUND", "no set is applied")
    record = workspace.find(options.id) if options.id is not None else sets[-1]
    later = [one["id"] for one in sets[sets.index(record) + 1 :] if set(one["paths"]) & set(record["paths"])]
    drifted = workspace.drift(record["paths"])
    if drifted:
        names = ", ".join(one["path"] for one in drifted)
        raise PatchError("LATER_CHANGES", f"{record['id']!r} cannot be reverted: changed since: {names}", drift=drifted)
    patches = []
    for patch in record["patches"]:
        content = workspace.read_home(f"patch-{patch['sha256']}")
        if content is None or hashlib.sha256(content).hexdigest() != patch["sha256"]:
            raise PatchError("STATE_INVALID", f"patchctl's own copy of {patch['file']!r} is missing or was changed")
        patches.append({**patch, "content": content})
    paths = set().union(*(paths_of(patch) for patch in patches))
    with staged(workspace, paths) as (name, stage):
        try:
            for patch in reversed(patches):
                run_git(stage, patch, reverse=True)
        except PatchError as error:
            if error.code != "PATCH_FAILED":
                raise
            by = f" by {', '.join(later)}" if later else ""
            message = f"{record['id']!r} cannot be reverted, what it changed was changed again{by}: {error.message}"
            raise PatchError("LATER_CHANGES", message, sets=later) from error
        changes = changes_in(workspace, stage, paths)
        rest = [one for one in sets if one is not record]
        still = {path for one in rest for path in one["paths"]}
        files = {**workspace.state["files"], **{change["path"]: change["after"] for change in changes}}
        files = {path: left for path, left in files.items() if path in still}
        workspace.commit(name, changes, {"version": 1, "sets": rest, "files": files})
    return {"id": record["id"], "changed": told(changes)}, "\n".join([f"reverted {record['id']}:", *lines_of(changes)]), 0


def list_sets(workspace, _):
    sets = workspace.state["sets"]
    lines = []
    for one in sets:
        patches, files = count(one["patches"], "patch", "patches"), count(one["paths"], "file")
        lines.append(f"{one['id']}\t{patches}\t{files}\t{one['description']}")
    return {"sets": sets}, "\n".join(lines) or "no set is applied", 0


def verify(workspace, options):
    sets = [workspace.find(options.id)] if options.id is not None else workspace.state["sets"]
    checked = [{"id": one["id"], "drift": workspace.drift(one["paths"])} for one in sets]
    lines = []
    for one in checked:
        lines += [f"{one['id']}: {'as it was left' if not one['drift'] else 'drifted'}"]
        lines += [f"  {drift['what']}: {drift['path']}" for drift in one["drift"]]
    drifted = any(one["drift"] for one in checked)
    answer = {"sets": checked}
    if drifted:
        answer["error"] = {"code": "DRIFT", "message": "files were changed", "next": CODES["DRIFT"][1]}
    return answer, "\n".join(lines) or "no set is applied", 1 if drifted else 0


def show_status(workspace, _):
    sets = workspace.state["sets"]
    drifted = workspace.drift({path for one in sets for path in one["paths"]})
    answer = {
        "workspace": workspace.path,
        "sets": [one["id"] for one in sets],
        "last": sets[-1]["id"] if sets else None,
        "files": len(workspace.state["files"]),
        "drift": drifted,
        "recovered": workspace.recovered,
    }
    files = count(workspace.state["files"], "file")
    lines = [f"{count(sets, 'set')} on {workspace.path}, {files}, {len(drifted)} of them changed since"]
    if workspace.recovered:
        lines.append("completed what a killed patchctl had begun")
    return answer, "\n".join(lines), 0


def count(things, one, more=None):
    return f"{len(things)} {one if len(things) == 1 else more or f'{one}s'}"


def told(changes):
    return [{"path": change["path"], "what": what(change)} for change in changes]


def lines_of(changes):
    return [f"  {what(change)} {change['path']}" for change in changes]


def what(change):
    return "added" if change["before"] is None else "removed" if change["after"] is None else "changed"


COMMANDS = {"apply": apply, "list": list_sets, "verify": verify, "revert": revert, "status": show_status}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
