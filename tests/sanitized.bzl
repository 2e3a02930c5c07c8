"""What runs under a sanitizer: tools/test leaves out what is tagged no-asan or no-tsan."""

def left_out(asan = True, tsan = True):
    """The tags of a test that a sanitizer would find nothing more in than others do.

    AddressSanitizer is for what handles memory that came from elsewhere, ThreadSanitizer for loops,
    pools and fibers; what only makes the same programs do the same for longer runs plain. All of them
    run by `tools/test asan-all` and `tools/test tsan-all`.

    Args:
      asan: whether AddressSanitizer leaves it out.
      tsan: whether ThreadSanitizer leaves it out.
    Returns:
      Tags.
    """
    return (["no-asan"] if asan else []) + (["no-tsan"] if tsan else [])
