"""The tests' twin: a provider whose whole world is in memory, scripted by the test."""

from sluicegate.providers.memory.adapter import LocalMemory, Memory
from sluicegate.providers.memory.world import Content, World

__all__ = ["Content", "LocalMemory", "Memory", "World"]
