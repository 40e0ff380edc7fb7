"""Streams as the providers send them (lines end in LF), with Thai text."""

#: `stream_options.include_usage` was set: every chunk has `usage`, and a last one carries it.
OPENAI_STREAM = """\
: keep-alive

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4.1-2025-04-14",\
"service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant",\
"content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4.1-2025-04-14",\
"choices":[{"index":0,"delta":{"content":"กาแฟ"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4.1-2025-04-14",\
"choices":[{"index":0,"delta":{"content":"หอม ๆ ☕"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4.1-2025-04-14",\
"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4.1-2025-04-14",\
"choices":[],"usage":{"prompt_tokens":57,"completion_tokens":129,"total_tokens":186,\
"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0}}}

data: [DONE]

""".encode()

ANTHROPIC_STREAM = """\
event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",\
"model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"stop_sequence":null,\
"usage":{"input_tokens":57,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,\
"output_tokens":1,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"กาแฟ"}}

: nothing

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"หอม ๆ ☕"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},\
"usage":{"output_tokens":129}}

event: message_stop
data: {"type":"message_stop"}

""".encode()
