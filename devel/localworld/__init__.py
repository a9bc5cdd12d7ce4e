"""The local world: real control plane, real registries and a node that pulls, all on loopback."""
