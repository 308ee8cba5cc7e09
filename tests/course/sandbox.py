"""Sandboxes for a stranger's code: bubblewrap, or namespaces by unshare(1), or none where that is asked for.

Inside, a program sees /usr read-only, the paths that are named read-only, /verse-given (what is handed to it, read-only), and /verse-room and /tmp
(empty, bounded, gone afterwards). It has no network, sees no other process, and has no rights: started by root, it runs as a user of
its own that owns nothing.
"""
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile

NOBODYS_USER = 61234  # owns nothing, and so counts nobody else's processes; used where root starts the sandbox
WORK_BYTES = 1 << 30
LIMITS = "ulimit -c 0 -u {processes} -f 1048576 -n 1024 -t 600 -v 16777216 || exit 12\n"
SYSTEM = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]  # links into /usr, or folders of their own
OF_ETC = ["/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"]


@contextlib.contextmanager
def room():
    """A folder for what is handed in, beside the one in which namespaces build their root; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="verse-pack-") as folder:
        os.chmod(folder, 0o755)
        for name in ("given", "root"):
            os.mkdir(os.path.join(folder, name), 0o755)
        yield pathlib.Path(folder, "given")


def without_rights(user):
    """The command before the stranger's, which takes away what is left of root's rights."""
    if os.geteuid() == 0:
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    return ["setpriv", "--no-new-privs"]


class Sandbox:
    work = "/verse-room"  # where the room is, as seen from inside
    processes = 128  # of which threads are one each
    memory = 4 << 30

    def end(self, process):
        """Ends it with everything in it."""
        if process.poll() is None:
            process.kill()  # the first process inside goes with it, and with that one all others
        process.wait()

    def program(self, script):
        """What is run inside, without rights and within limits."""
        return [*without_rights(NOBODYS_USER), "bash", "-c", LIMITS.format(processes=self.processes) + script]


class Bubblewrap(Sandbox):
    says = "each in a sandbox of bubblewrap"

    def command(self, script, visible, given):
        words = ["bwrap", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
                 "--new-session", "--cap-drop", "ALL", "--ro-bind", "/usr", "/usr"]
        if os.geteuid() == 0:
            for right in ("SETUID", "SETGID", "SETPCAP"):
                words += ["--cap-add", "CAP_" + right]
        else:
            words += ["--unshare-user"]
        for path in SYSTEM:
            if os.path.islink(path):
                words += ["--symlink", os.readlink(path), path]
            elif os.path.isdir(path):
                words += ["--ro-bind", path, path]
        for path in OF_ETC:
            words += ["--ro-bind-try", path, path]
        words += ["--proc", "/proc", "--dev", "/dev"]
        for path, size in ((self.work, WORK_BYTES), ("/tmp", WORK_BYTES // 4), ("/dev/shm", 1 << 24)):
            words += ["--perms", "1777", "--size", str(size), "--tmpfs", path]
        made = {"/", "/tmp", "/usr"}
        for path in visible:  # after /tmp, under which a course may lie
            for parent in reversed(pathlib.Path(path).parents):
                if str(parent) not in made:  # else they may be root's alone
                    words += ["--perms", "0755", "--dir", str(parent)]
                    made.add(str(parent))
            words += ["--ro-bind", os.path.realpath(path), str(path)]
        words += ["--ro-bind", str(given), "/verse-given"]
        return words + ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", self.work, *self.program(script)]


class Namespaces(Sandbox):
    says = "each in namespaces of its own"

    def command(self, script, visible, given):
        q = shlex.quote
        setup = ["set -e", f"mount -t tmpfs -o size=4m,mode=755 root {q(str(given.parent / 'root'))}; cd {q(str(given.parent / 'root'))}",
                 "show() { local to=.$2; if [ -d \"$1\" ]; then mkdir -p \"$to\"; else mkdir -p \"$(dirname \"$to\")\"; : >\"$to\"; fi; "
                 "mount --bind \"$1\" \"$to\"; mount -o remount,bind,ro,nosuid \"$to\" || mount -o remount,bind,ro \"$to\"; }"]
        setup.append("show /usr /usr")
        for path in SYSTEM:
            if os.path.islink(path):
                setup.append(f"ln -s {q(os.readlink(path))} .{path}")
            elif os.path.isdir(path):
                setup.append(f"show {path} {path}")
        setup += [f"show {path} {path}" for path in OF_ETC if os.path.exists(path)]
        setup.append("mkdir -p dev proc verse-room tmp; mount -t proc -o nosuid,nodev,noexec proc proc")
        setup += [f": >dev/{name}; mount --bind /dev/{name} dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
        for path, size in (("verse-room", WORK_BYTES), ("tmp", WORK_BYTES // 4)):
            setup.append(f"mount -t tmpfs -o size={size},mode=1777,nosuid,nodev {path} {path}")
        setup += [f"show {q(os.path.realpath(path))} {q(str(path))}" for path in visible]
        setup.append(f"show {q(str(given))} /verse-given")
        setup.append("mkdir old; pivot_root . old; cd /verse-room; umount -l /old; rmdir /old; mount -o remount,bind,ro /")
        # The first process stays what it is: when unshare is killed, it is too, and with it everything inside.
        setup.append(shlex.join(self.program(script)) + " & wait $!")
        words = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=KILL"]
        if os.geteuid() != 0:
            words += ["--user", "--map-root-user"]
        return [*words, "--propagation", "private", "bash", "-c", "\n".join(setup)]

    def program(self, script):
        words = super().program(script)
        # Inside a user namespace this is that namespace's root: it gives its rights up.
        return words if os.geteuid() == 0 else ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *words[2:]]


class Nothing(Sandbox):
    says = "WITHOUT a sandbox: the packs' code may do what you may do"

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="verse-work-")
        self.work = self.folder.name

    def command(self, script, visible, given):
        for old in pathlib.Path(self.work).iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        return ["env", f"GIVEN={given}", f"WORK={self.work}", "bash", "-c", LIMITS.format(processes=4096) + script]

    def end(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def works(box, tried):
    """Whether a sandbox can be had here: one is made, and looked at from inside."""
    check = ('[ ! -e /etc/passwd ] && [ ! -e /home ] && [ "$(ls /sys/class/net 2>/dev/null)" = "" ] && ! touch /usr/x 2>/dev/null && '
             'touch /verse-room/x && [ -r /verse-given ] && echo fine')
    try:
        with room() as given:
            done = subprocess.run(box.command(check, [], given), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=60, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, start_new_session=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        tried.append(str(error))
        return False
    if done.returncode == 0 and done.stdout.strip() == "fine":
        return True
    tried.append((done.stderr.strip().splitlines() or ["it does not hold"])[-1])
    return False


def choose(kind, without):
    """A sandbox that works on this machine, or why there is none, in a clause."""
    if without:
        return Nothing()
    kinds = {"bwrap": Bubblewrap, "unshare": Namespaces}
    tried = []
    for name in [kind] if kind else kinds:
        if shutil.which(name) is None or shutil.which("setpriv") is None:
            tried.append(f"{name} is not installed")
        elif works(box := kinds[name](), tried):
            return box
        else:
            tried[-1] = f"{name}: {tried[-1]}"
    return "no sandbox can be had here (" + "; ".join(tried) + ")"


def usage_below(pid):
    """How many processes there are below one, itself included, and the memory that they hold together (bytes)."""
    parents, memory = {}, {}
    page = os.sysconf("SC_PAGESIZE")
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat") as stream:
                fields = stream.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue  # it is gone
        parents[int(entry.name)], memory[int(entry.name)] = int(fields[1]), int(fields[21]) * page
    children = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    below, waiting = [], [pid]
    while waiting:
        below.append(waiting.pop())
        waiting.extend(children.get(below[-1], []))
    return len(below), sum(memory.get(one, 0) for one in below)


def memory_in_files():
    """The memory that files hold on this machine (bytes): in every tmpfs, and those without a name that no process has mapped."""
    with open("/proc/meminfo") as stream:
        return sum(int(line.split()[1]) << 10 for line in stream if line.startswith("Shmem:"))
