"""The JSON of the v0 endpoints (`/state`, `/slaves`, …), which dashboards, exporters and DNS servers read.

Not the JSON of messages: ids are flat text, resources are sums by name, times are seconds. Key names and
their order are Mesos's.

    values     resources, attributes, labels
    objects    tasks, executors, what frameworks and agents say of themselves
    fragments  encoded objects, kept until they change
    master     the master's endpoints, from its state
    agent      the agent's endpoints, from its state

Objects are rendered from v1 messages, whose fields that no record has (labels, discovery, …) are wanted too.
"""
