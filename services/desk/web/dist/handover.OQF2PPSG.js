import{a}from"./chunk.P2ZRATDX.js";import"./chunk.4FADFPZS.js";import"./chunk.TMOSJ65L.js";import"./chunk.WMNGU4VM.js";import"./chunk.GYDGKPPF.js";export{a as HandOver};
