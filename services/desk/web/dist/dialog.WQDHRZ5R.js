import{a,b}from"./chunk.7NNCGDHD.js";import"./chunk.GYDGKPPF.js";export{b as Confirm,a as Dialog};
