"""What the machine tells of itself: laid-out boards and PCs, and this one against psutil."""

import json
import os
import platform

import pytest

from deploy.bench.disturbance import Disturbance, Watch, warnings
from deploy.machine import state as machine_state
from deploy.machine.description import describe, processor
from deploy.machine.emulation import emulated, virtual_machine
from deploy.machine.state import MachineState, read_state
from deploy.machine.system_files import read_bytes_field, read_fields, read_number, read_text

CORE = "sys/devices/system/cpu/cpu{}/cpufreq/"
STAT = "1 (python3 (x)) R " + " ".join(["0"] * 35) + " {} 0 0"
"""/proc/self/stat of a program with odd letters in its name, on a core."""

PI_CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: {part}

Revision\t: c03112
Model\t\t: {model}
"""
PC_CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i5-7500\n"


def lay_out(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def clock_files(core, governor, now, lowest, highest):
    names = "scaling_governor", "scaling_cur_freq", "scaling_min_freq", "scaling_max_freq"
    values = governor, now, lowest, highest
    folder = CORE.format(core)
    return {folder + n: f"{v}\n" for n, v in zip(names, values, strict=True)}


def elf(machine, order="little"):
    head = b"\x7fELF" + bytes([2, 1 if order == "little" else 2]) + bytes(12)
    return head + machine.to_bytes(2, order) + bytes(44)


def runs(root, name, machine):
    """Make a program the one that really runs."""
    program = root / "usr/bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(elf(machine))
    link = root / "proc/thread-self/exe"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(program)
    return root


@pytest.fixture(autouse=True)
def no_firmware_tool(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def pi4(tmp_path):
    model = "Raspberry Pi 4 Model B Rev 1.2"
    files = {
        "proc/device-tree/model": model + "\0",
        "proc/cpuinfo": PI_CPUINFO.format(part="0xd08", model=model),
        "proc/meminfo": "MemTotal:        3884232 kB\nMemFree: 1 kB\n",
        "proc/loadavg": "0.52 0.58 0.59 1/467 12345\n",
        "proc/self/stat": STAT.format(3),
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "48686\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        **clock_files(3, "ondemand", 600_000, 600_000, 1_800_000),
    }
    return runs(lay_out(tmp_path / "pi4", files), "python3.11", 183)


@pytest.fixture
def pi5(tmp_path):
    model = "Raspberry Pi 5 Model B Rev 1.0"
    files = {
        "proc/device-tree/model": model + "\0",
        "proc/cpuinfo": PI_CPUINFO.format(part="0xd0b", model=model),
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "52000\n",
        "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon2/in0_lcrit_alarm": "1\n",
        **clock_files(0, "performance", 2_400_000, 1_500_000, 2_400_000),
    }
    return lay_out(tmp_path / "pi5", files)


@pytest.fixture
def pc(tmp_path):
    throttle = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
    files = {
        "proc/cpuinfo": PC_CPUINFO,
        "sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
        "sys/class/dmi/id/product_name": "OptiPlex 7050\n",
        "sys/class/thermal/thermal_zone0/type": "acpitz\n",
        "sys/class/thermal/thermal_zone0/temp": "27800\n",
        "sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
        "sys/class/thermal/thermal_zone1/temp": "61000\n",
        throttle.format(0): "3\n",
        throttle.format(1): "4\n",
    }
    return runs(lay_out(tmp_path / "pc", files), "python3.11", 62)


def test_a_raspberry_pi_4(pi4, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    found = describe(pi4)
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.2"
    assert found["processor"] == "Cortex-A72"
    assert found["memory_bytes"] == 3_884_232 * 1024
    assert found["distribution"] == "Debian GNU/Linux 12 (bookworm)"
    assert found["emulated"] is found["virtual_machine"] is False
    assert read_state(pi4) == MachineState(
        governor="ondemand",
        frequency_hz=600_000_000,
        frequency_min_hz=600_000_000,
        frequency_max_hz=1_800_000_000,
        temperature_celsius=48.686,
        flags_now=["under-voltage", "throttled"],
        flags_since_boot=["under-voltage", "throttled"],
        throttle_events=None,
        load_average=0.52,
    )


def test_a_raspberry_pi_5_tells_of_its_supply_by_a_sensor(pi5):
    assert processor(pi5) == "Cortex-A76"
    state = read_state(pi5)
    assert (state.governor, state.frequency_hz) == ("performance", 2_400_000_000)
    assert (state.flags_now, state.flags_since_boot) == (["under-voltage"], None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("throttled=0x0", ([], [])),
        ("throttled=0x80008", (["soft temperature limit"],) * 2),
        ("throttled=0xe0000", ([], ["frequency capped", "throttled", "soft temperature limit"])),
        ("VCHI initialization failed", (None, None)),
    ],
)
def test_the_firmware_is_asked_where_there_is_no_file(answer, expected, tmp_path):
    tool = tmp_path / "bin" / "vcgencmd"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && echo "{answer}"\n')
    tool.chmod(0o755)
    state = read_state(tmp_path / "board")
    assert (state.flags_now, state.flags_since_boot) == expected


def test_a_firmware_tool_that_hangs_is_left(tmp_path, monkeypatch):
    tool = tmp_path / "bin" / "vcgencmd"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nwhile :; do :; done\n")
    tool.chmod(0o755)
    monkeypatch.setattr(machine_state, "FIRMWARE_SECONDS", 0.1)
    assert read_state(tmp_path).flags_now is None


def test_a_pc(pc, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    found = describe(pc)
    assert found["board"] == "Dell Inc. OptiPlex 7050"
    assert found["processor"] == "Intel(R) Core(TM) i5-7500"
    assert not found["emulated"]
    state = read_state(pc)
    assert (state.temperature_celsius, state.throttle_events) == (61.0, 7)
    assert state.flags_now is state.governor is None


def test_a_pc_whose_processor_has_its_own_sensor(tmp_path):
    files = {
        "sys/class/hwmon/hwmon0/name": "nvme\n",
        "sys/class/hwmon/hwmon0/temp1_input": "30000\n",
        "sys/class/hwmon/hwmon1/name": "k10temp\n",
        "sys/class/hwmon/hwmon1/temp1_input": "55125\n",
    }
    assert read_state(lay_out(tmp_path, files)).temperature_celsius == 55.125


def test_a_container_without_any_of_these_files(tmp_path):
    found = describe(tmp_path)
    assert {found[name] for name in ("board", "memory_bytes", "distribution")} == {None}
    assert not found["emulated"]
    assert read_state(tmp_path) == MachineState(*[None] * 9)
    json.dumps(found, allow_nan=False)


def test_files_that_cannot_be_read_or_say_nonsense_are_as_absent(pi4, pi5, pc):
    for root in (pi4, pi5, pc):
        for index, path in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
            path.unlink()
            if index % 2:  # reading a folder fails as a file without permission does
                path.mkdir()
            else:
                path.write_bytes(b"\xff\xfe\0garbage 12x\n")
        state = read_state(root)
        assert state.frequency_hz is state.load_average is state.temperature_celsius is None
        assert state.flags_now is None or state.flags_now == []
        assert describe(root)["memory_bytes"] is None
        Watch(root).stop()


@pytest.mark.parametrize(
    ("machine", "program", "elf_machine", "cpuinfo", "expected"),
    [
        # Seen with qemu-user 7.2 on x86: for one program, of another family or the same.
        ("aarch64", "qemu-aarch64-static", 62, PC_CPUINFO, True),
        ("armv7l", "qemu-arm-static", 62, PC_CPUINFO, True),
        ("x86_64", "qemu-x86_64-static", 62, PC_CPUINFO, True),
        # Later ones lay out a /proc/cpuinfo too, and may have any name.
        ("aarch64", "interpreter", 62, PI_CPUINFO, True),
        ("x86_64", "rosetta", 183, PC_CPUINFO, True),
        ("aarch64", None, None, PC_CPUINFO, True),
        ("x86_64", None, None, "model name : QEMU Virtual CPU version 2.5+\n", True),
        # 32-bit programs on a 64-bit kernel run as they are.
        ("aarch64", "python3.11", 40, PI_CPUINFO, False),
        ("x86_64", "python3.11", 3, PC_CPUINFO, False),
        ("aarch64", "python3.11", 183, PI_CPUINFO, False),
        ("riscv64", "python3.11", 243, "", False),
        ("x86_64", None, None, "", False),
    ],
)
def test_emulation(machine, program, elf_machine, cpuinfo, expected, tmp_path):
    lay_out(tmp_path, {"proc/cpuinfo": cpuinfo})
    if program:
        runs(tmp_path, program, elf_machine)
    assert emulated(tmp_path, machine) is expected


def test_big_endian_programs_are_read_as_such(tmp_path):
    exe = tmp_path / "proc/thread-self/exe"
    exe.parent.mkdir(parents=True)
    exe.write_bytes(elf(183, "big"))
    assert emulated(tmp_path, "x86_64")
    assert not emulated(tmp_path, "aarch64_be")


@pytest.mark.skipif(not os.path.exists("/proc/thread-self/exe"), reason="needs Linux")
def test_this_process_is_seen_as_it_runs():
    """An emulator answers for the one name but not for the other."""
    as_told, as_run = (os.readlink(f"/proc/{who}/exe") for who in ("self", "thread-self"))
    assert emulated() is (as_told != as_run)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n", True),
        ("proc/cpuinfo", "flags\t\t: fpu vme lahf_lm\n", False),
        ("proc/device-tree/model", "linux,dummy-virt\0", True),
        ("sys/hypervisor/type", "xen\n", True),
    ],
)
def test_virtual_machines(name, text, expected, tmp_path):
    assert virtual_machine(lay_out(tmp_path, {name: text})) is expected


def test_this_machine_as_psutil_sees_it():
    psutil = pytest.importorskip("psutil")
    found = describe()
    assert found["memory_bytes"] == psutil.virtual_memory().total
    assert found["cores"] == psutil.cpu_count()
    assert found["usable_cores"] == len(psutil.Process().cpu_affinity())
    assert read_state().load_average == pytest.approx(psutil.getloadavg()[0], abs=0.5)


def test_what_the_record_of_a_run_holds_is_json():
    found = describe()
    assert {"processor", "cores", "python", "numpy", "machine", "system"} <= found.keys()
    assert json.loads(json.dumps(found)) == found


def test_thread_settings_are_told(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert describe()["thread_settings"]["OMP_NUM_THREADS"] == "3"


def test_small_files(tmp_path):
    lay_out(tmp_path, {"a": " 12\n", "b": "ff", "c": "", "d": "x: 1: 2\nx: 3\nsize: 5 MB\n"})
    assert read_number(tmp_path / "a") == 12
    assert read_number(tmp_path / "b", base=16) == 255
    assert read_number(tmp_path / "b") is None
    assert read_text(tmp_path / "c") is read_text(tmp_path / "absent") is None
    assert read_fields(tmp_path / "d") == {"x": "1: 2", "size": "5 MB"}
    assert read_bytes_field(tmp_path / "d", "size") is None


# --- what else happened ---------------------------------------------------------------------------


def write_stat(root, user, idle, stolen=0):
    lay_out(root, {"proc/stat": f"cpu  {user} 0 0 {idle} 0 0 0 {stolen} 0 0\ncpu0 1 1 1 1\n"})


def test_work_of_others_is_what_this_process_did_not_do(tmp_path):
    write_stat(tmp_path, 1000, 1000)
    watch = Watch(tmp_path)
    write_stat(tmp_path, 1000 + 10**9, 5000, stolen=10**6)
    found = watch.stop()
    second = os.sysconf("SC_CLK_TCK")
    # Of so many ticks, what this test did itself is nothing.
    assert found.other_cores * found.seconds == pytest.approx(10**9 / second, rel=1e-6)
    assert found.stolen_cores * found.seconds == pytest.approx(10**6 / second)


@pytest.mark.parametrize("stat", ["cpu  0 0 0 0 0 0 0 0 0 0\n", "cpu 1 2 3\n", "intr 5\n", "\n"])
def test_a_sandbox_that_counts_nothing_is_no_quiet_machine(stat, tmp_path):
    lay_out(tmp_path, {"proc/stat": stat})
    found = Watch(tmp_path).stop()
    assert found.other_cores is found.stolen_cores is None


def test_samples_are_those_of_frequency_and_memory(pi4):
    lay_out(pi4, {"proc/self/status": "VmRSS:\t 1000 kB\n"})
    watch = Watch(pi4)
    watch.sample()
    lay_out(pi4, {"proc/self/status": "VmRSS:\t 1500 kB\n"})
    lay_out(pi4, clock_files(3, "ondemand", 1_800_000, 600_000, 1_800_000))
    watch.sample()
    found = watch.stop()
    assert found.memory_growth_bytes == 500 * 1024
    assert (found.frequency_lowest_hz, found.frequency_highest_hz) == (600_000_000, 1_800_000_000)


QUIET = MachineState("performance", 10**9, 10**9, 10**9, 50.0, [], [], 0, 0.1)


def disturbance(*, before=None, after=None, **changes):
    values = {
        "seconds": 5.0,
        "other_cores": 0.02,
        "stolen_cores": 0.0,
        "switches_per_second": 1.0,
        "frequency_lowest_hz": 10**9,
        "frequency_highest_hz": 10**9,
        "memory_growth_bytes": 0,
        "before": MachineState(**vars(QUIET) | (before or {})),
        "after": MachineState(**vars(QUIET) | (after or {})),
    }
    return Disturbance(**values | changes)


def test_a_quiet_machine_gives_no_warning():
    assert warnings(disturbance()) == []


def test_a_machine_that_tells_nothing_gives_no_warning():
    silent = MachineState(*[None] * 9)
    assert warnings(Disturbance(5.0, *[None] * 6, silent, silent)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"other_cores": 0.96}, "1.0 cores busy"),
        ({"stolen_cores": 0.25}, "0.25 cores away"),
        ({"switches_per_second": 140.0}, "140 times a second"),
        ({"before": {"governor": "ondemand"}}, "governor of the clock is 'ondemand'"),
        ({"frequency_lowest_hz": 6 * 10**8}, "between 600 and 1000 MHz"),
        ({"after": {"flags_now": ["throttled", "under-voltage"]}}, "under-voltage, throttled"),
        ({"before": {"flags_now": ["throttled"]}}, "reports throttled"),
        ({"after": {"flags_since_boot": ["under-voltage"]}}, "under-voltage since it was started"),
        ({"before": {"throttle_events": 2}, "after": {"throttle_events": 3}}, "slowed down"),
        ({"after": {"temperature_celsius": 71.0}}, "from 50 to 71 °C"),
    ],
)
def test_each_disturbance_is_one_warning(changes, words):
    (warning,) = warnings(disturbance(**changes))
    assert words in warning
