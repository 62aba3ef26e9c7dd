"""A SLURM of two nodes on this machine: a munged, a slurmctld and two slurmd of its own.

Everything lies in one folder and listens on 127.0.0.1; the daemons are children of this process, and those
alone are stopped. `with cluster(folder) as env` gives the environment in which sbatch and the like find it.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NODES = ("node1", "node2")
CPUS, MEMORY = 6, 64000  # that a node says it has, and one GPU, which is /dev/null; MB
SBIN = "/usr/sbin:/sbin"  # where Debian keeps the daemons

# Jobs of `urgent` push out those of `batch`, which have KillWait seconds to save their state. SLURM queues
# them again; they wait cred_expire seconds before they may start. It remembers jobs for MinJobAge seconds.
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
GresTypes=gpu
MinJobAge=86400
KillWait=20
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=batch Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
    "CPUs={cpus} RealMemory={memory} Gres=gpu:1"
)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict]:
    """The environment of a cluster that runs until the block ends; its files and logs are in the folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end in order, as at Ctrl-C
    folder.chmod(0o755)
    env = prepare(folder)
    daemons = {"munged": ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key"]}
    daemons["munged"] += [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "seed-file")]
    daemons["slurmctld"] = ["slurmctld", "-D", "-c"]
    daemons |= {f"slurmd-{node}": ["slurmd", "-D", "-c", "-N", node] for node in NODES}
    with contextlib.ExitStack() as running:
        for name, (program, *options) in daemons.items():
            command = [shutil.which(program, path=SBIN), *options]
            running.enter_context(daemon(command, folder / f"{name}.log", env))
            if name == "munged":
                wait_for((folder / "munge.socket").exists, f"munged; see {folder}/munged.log")
        wait_for(lambda: idle(env) == len(NODES), f"idle nodes; see {folder}/slurm*.log")
        try:
            yield env
        finally:  # no process of a job outlives its slurmd
            subprocess.run(["scancel", "--me"], env=env, check=True)
            wait_for(lambda: not ask(env, "squeue", "--noheader"), "the end of the jobs")


def prepare(folder: Path) -> dict:
    """Write the cluster's files; -> the environment in which its commands find it."""
    host, user = socket.gethostname().split(".")[0], pwd.getpwuid(os.getuid()).pw_name
    ports = free_ports(1 + len(NODES))
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    for name in ("state", "bin"):
        (folder / name).mkdir()
    nodes = [
        NODE.format(name=name, host=host, port=port, cpus=CPUS, memory=MEMORY)
        for name, port in zip(NODES, ports[1:], strict=True)
    ]
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, ports=ports, user=user, folder=folder) + "\n".join(nodes) + "\n")
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    # The plugin's job step drops SLURM_CONF before it calls srun, which then looks in /etc/slurm alone.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    others = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
    return others | {"SLURM_CONF": str(conf), "PATH": f"{srun.parent}:{os.environ['PATH']}"}


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def daemon(command: list[str], log: Path, env: dict) -> Iterator[subprocess.Popen]:
    """A process in the foreground of its own, ended with the block."""
    with open(log, "w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=env)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(env: dict, *command: str) -> str:
    """What a command of SLURM says."""
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def idle(env: dict) -> int:
    """How many nodes are ready; 0 while the controller does not answer yet."""
    command = ["sinfo", "--noheader", "--Node", "--partition=batch", "--states=idle"]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return len(said.stdout.splitlines())


def wait_for(condition, what: str, seconds: float = 60) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.2)
