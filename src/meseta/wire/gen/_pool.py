"""The descriptor pool of the generated messages, apart from protobuf's default one."""

from google.protobuf import duration_pb2
from google.protobuf.descriptor_pool import DescriptorPool

POOL = DescriptorPool()
POOL.AddSerializedFile(duration_pb2.DESCRIPTOR.serialized_pb)
