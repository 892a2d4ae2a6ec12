"""Who is offered what: the allocator behind its plugin interface (`allocator.allocator`)."""
