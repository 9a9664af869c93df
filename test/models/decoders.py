"""Causal language models of transformers: over a whole prompt, and a step at a time behind keys and values of the past, with
the inputs and outputs that optimum gives them."""
import torch
import transformers
from network import Network
from text import BATCH, FULL, SHORT, SMALL, WORDS, encoder, tokens

PAST, LAYERS = 4, 2
# torch.export has no dimension that is the sum of two others, as the mask's is.
STEP = tuple(e for e in FULL if e.exporter == "TorchScript" or not e.symbolic)


class WithPast(torch.nn.Module):
    """input_ids, attention_mask and past_key_values.N.key/value to logits and present.N.key/value."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, input_ids, attention_mask, *past):
        cache = transformers.DynamicCache(zip(past[::2], past[1::2]))
        result = self.module(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        present = [tensor for layer in result.past_key_values.layers for tensor in (layer.keys, layer.values)]
        return (result.logits, *present)


def with_past(family, config, kind, heads):
    names = [f"{{}}.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    past_names = [name.format("past_key_values") for name in names]

    def inputs(random, batch, seq, past):
        values = tokens(("input_ids", "attention_mask"))(random, batch, seq)
        mask = (random.integers(0, past, batch)[:, None] <= range(past + seq)).astype("int64")  # padded on the left
        values["attention_mask"] = mask
        return values | {name: random.standard_normal((batch, heads, past, 12), "float32") for name in past_names}

    def build(attention):
        settings = config()
        settings._attn_implementation = attention
        return WithPast(getattr(transformers, kind)(settings))

    axes = {"input_ids": {0: "batch", 1: "seq"}, "attention_mask": {0: "batch", 1: "past + seq"},
            **{name: {0: "batch", 2: "past"} for name in past_names}}  # fmt: skip
    outputs = ("logits", *(name.format("present") for name in names))
    return Network(family, f"{family}/with past", "transformers", build, inputs,
                   dict(batch=BATCH, seq=1, past=PAST), axes, outputs, STEP)  # fmt: skip


def without_cache(config):
    def make():
        settings = config()
        settings.use_cache = False
        return settings

    return make


def networks():
    gpt2 = lambda: transformers.GPT2Config(n_embd=36, n_head=3, n_layer=LAYERS, n_inner=52, vocab_size=WORDS, n_positions=40)
    opt = lambda: transformers.OPTConfig(hidden_size=36, num_attention_heads=3, num_hidden_layers=LAYERS, ffn_dim=52,
                                         vocab_size=WORDS, max_position_embeddings=40, word_embed_proj_dim=36)  # fmt: skip
    llama = lambda: transformers.LlamaConfig(**SMALL, num_key_value_heads=1)
    found = []
    for family, config, kind, heads in (("GPT-2", gpt2, "GPT2LMHeadModel", 3), ("OPT", opt, "OPTForCausalLM", 3),
                                        ("Llama", llama, "LlamaForCausalLM", 1)):  # fmt: skip
        prompt = encoder(family, "prompt", kind, without_cache(config), outputs=("logits",), exports=FULL)
        found += [prompt, with_past(family, config, kind, heads)]
    return found
