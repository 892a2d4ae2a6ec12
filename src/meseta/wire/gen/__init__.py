"""Messages of the wire, generated from proto/ by tools/make_proto.py.

`mesos_pb2` has the vocabulary of v1, `internal_pb2` the libprocess messages; each API has its own module.
Stubs by grpcio-tools 1.85.1.
"""
