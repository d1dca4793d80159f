from workloads.serving.planning.machine import MachineKind, key_of, this_machine


def test_this_machine_has_a_name_that_a_file_can_bear() -> None:
    here = this_machine(accelerator=False)
    assert here.processors >= 1
    assert here.memory_bytes > 1 << 20
    assert here.key
    assert here.key == key_of(here.name)


def test_the_same_kind_is_written_the_same() -> None:
    assert MachineKind("AMD EPYC 9R14 (x2)", 2, 1).key == "amd-epyc-9r14-x2"
