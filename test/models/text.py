"""Encoders of transformers, small and of odd sizes."""
import torch
import transformers
from network import Export, Named, Network

BATCH, SEQ, WORDS = 33, 7, 97
SMALL = dict(hidden_size=36, num_attention_heads=3, num_hidden_layers=2, intermediate_size=52, vocab_size=WORDS,
             max_position_embeddings=40)  # fmt: skip

FULL = (Export("TorchScript", 12, False, "eager"), Export("TorchScript", 14, True, "eager"),
        Export("TorchScript", 17, True, "sdpa"), Export("TorchScript", 20, False, "sdpa"),
        Export("dynamo", 18, False, "eager"), Export("dynamo", 18, True, "sdpa"), Export("dynamo", 23, True, "sdpa"))
SHORT = (Export("TorchScript", 17, True, "eager"), Export("dynamo", 18, True, "sdpa"))
# Of a family whose attention is written out whatever is asked for, or whose sdpa torch.export does not convert.
EAGER = tuple({Export(e.exporter, e.opset, e.symbolic, "eager"): None for e in FULL})


def tokens(inputs):
    def draw(random, batch, seq):
        mask = (random.integers(1, seq + 1, batch)[:, None] > range(seq)).astype("int64")
        every = {"input_ids": random.integers(2, WORDS, (batch, seq)), "attention_mask": mask,
                 "token_type_ids": random.integers(0, 2, (batch, seq))}  # fmt: skip
        return {name: every[name] for name in inputs}

    return draw


def encoder(family, name, kind, config, inputs=("input_ids", "attention_mask"), outputs=("last_hidden_state",), exports=SHORT,
            **options):  # fmt: skip
    """`kind` is a class of transformers; `options` go to its constructor."""

    def build(attention):
        settings = config()
        settings._attn_implementation = attention
        return Named(getattr(transformers, kind)(settings, **options), inputs, outputs)

    axes = {given: {0: "batch", 1: "seq"} for given in inputs}
    return Network(family, f"{family}/{name}", "transformers", build, tokens(inputs), dict(batch=BATCH, seq=SEQ), axes,
                   outputs, exports)  # fmt: skip


ALL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def bert(name, kind="BertModel", outputs=("last_hidden_state", "pooler_output"), exports=SHORT, **settings):
    config = lambda: transformers.BertConfig(**SMALL, **{"num_labels": 5} | settings)
    return encoder("BERT", name, kind, config, ALL_INPUTS, outputs, exports)


class SentenceEncoder(torch.nn.Module):
    """BERT, the mean of its hidden states over the mask, divided by its length: all-MiniLM."""

    def __init__(self, config):
        super().__init__()
        self.bert = transformers.BertModel(config, add_pooling_layer=False)

    def forward(self, input_ids, attention_mask, token_type_ids):
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]
        weight = attention_mask.unsqueeze(2).to(states.dtype)
        return torch.nn.functional.normalize((states * weight).sum(1) / weight.sum(1).clamp(min=1e-9))


def minilm():
    def build(attention):
        return SentenceEncoder(transformers.BertConfig(**SMALL, attn_implementation=attention))

    axes = {given: {0: "batch", 1: "seq"} for given in ALL_INPUTS}
    return Network("MiniLM", "MiniLM/sentences", "transformers", build, tokens(ALL_INPUTS), dict(batch=BATCH, seq=SEQ), axes,
                   ("sentence_embedding",), FULL)  # fmt: skip


def roberta_like(family, stem, exports=SHORT, **settings):
    config = lambda: getattr(transformers, stem + "Config")(**SMALL, type_vocab_size=1, pad_token_id=1, num_labels=5, **settings)
    return [encoder(family, "base", stem + "Model", config, exports=exports, add_pooling_layer=False),
            encoder(family, "masked LM", stem + "ForMaskedLM", config, outputs=("logits",)),
            encoder(family, "token classification", stem + "ForTokenClassification", config, outputs=("logits",))]


def distilbert():
    config = lambda: transformers.DistilBertConfig(dim=36, n_heads=3, n_layers=2, hidden_dim=52, vocab_size=WORDS,
                                                   max_position_embeddings=40, num_labels=5)  # fmt: skip
    kinds = [("masked LM", "MaskedLM"), ("sequence classification", "SequenceClassification")]
    return [encoder("DistilBERT", "base", "DistilBertModel", config, exports=FULL),
            *(encoder("DistilBERT", name, "DistilBertFor" + kind, config, outputs=("logits",)) for name, kind in kinds)]


def deberta(version):
    stem = "Deberta" + version
    config = lambda: getattr(transformers, stem + "Config")(
        **SMALL, relative_attention=True, pos_att_type=["p2c", "c2p"], max_relative_positions=11, type_vocab_size=2,
        pad_token_id=0, **(dict(position_buckets=8, share_att_key=True, norm_rel_ebd="layer_norm") if version else {}))
    return encoder("DeBERTa", "v2" if version else "v1", stem + "Model", config, exports=EAGER)


def modernbert():
    config = lambda: transformers.ModernBertConfig(**SMALL | dict(num_hidden_layers=3), global_attn_every_n_layers=2,
                                                   local_attention=4, pad_token_id=0, bos_token_id=1, eos_token_id=1,
                                                   cls_token_id=1, sep_token_id=1)  # fmt: skip
    return [encoder("ModernBERT", "base", "ModernBertModel", config, exports=FULL),
            encoder("ModernBERT", "masked LM", "ModernBertForMaskedLM", config, outputs=("logits",))]


def networks():
    albert = lambda: transformers.AlbertConfig(**SMALL | dict(num_hidden_layers=3), embedding_size=20)
    electra = lambda: transformers.ElectraConfig(**SMALL, embedding_size=20)
    mpnet = lambda: transformers.MPNetConfig(**SMALL, pad_token_id=1)
    t5 = lambda: transformers.T5Config(vocab_size=WORDS, d_model=36, d_kv=12, d_ff=52, num_layers=2, num_heads=3)
    gated = lambda: transformers.T5Config(vocab_size=WORDS, d_model=36, d_kv=12, d_ff=52, num_layers=2, num_heads=3,
                                          feed_forward_proj="gated-gelu")  # fmt: skip
    return [
        bert("base", exports=FULL),
        *(bert(act, hidden_act=act) for act in ("gelu_new", "gelu_pytorch_tanh", "relu", "silu")),
        bert("masked LM", "BertForMaskedLM", ("logits",)),
        bert("question answering", "BertForQuestionAnswering", ("start_logits", "end_logits"), num_labels=2),
        bert("sequence classification", "BertForSequenceClassification", ("logits",)),
        bert("token classification", "BertForTokenClassification", ("logits",)),
        bert("pretraining", "BertForPreTraining", ("prediction_logits", "seq_relationship_logits")),
        minilm(),
        *roberta_like("RoBERTa", "Roberta", FULL), *roberta_like("XLM-R", "XLMRoberta"),
        *roberta_like("CamemBERT", "Camembert"), *distilbert(),
        encoder("ALBERT", "base", "AlbertModel", albert, ALL_INPUTS, exports=FULL),
        encoder("ALBERT", "masked LM", "AlbertForMaskedLM", albert, ALL_INPUTS, ("logits",)),
        encoder("ELECTRA", "base", "ElectraModel", electra, ALL_INPUTS, exports=FULL),
        encoder("ELECTRA", "discriminator", "ElectraForPreTraining", electra, ALL_INPUTS, ("logits",)),
        encoder("MPNet", "base", "MPNetModel", mpnet, exports=EAGER, add_pooling_layer=False),
        deberta(""), deberta("V2"), *modernbert(),
        encoder("T5 encoder", "relu", "T5EncoderModel", t5, exports=EAGER),
        encoder("T5 encoder", "gated GELU", "T5EncoderModel", gated, exports=EAGER[1::4]),
    ]  # fmt: skip
