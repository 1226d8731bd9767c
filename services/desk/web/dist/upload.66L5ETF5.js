import{a,b,c,d}from"./chunk.TY62HLZF.js";import"./chunk.FEW7MTIE.js";export{b as again,a as choose,c as drop,d as free};
